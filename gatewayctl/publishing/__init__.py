"""Stores routing tables in S3, where running gateways find them.

`publication` compares a table with the live one and stores it, `changes` lists the differences,
`origin` says who published a version and why, and `store` reads and replaces the objects in S3.
The command is `gatewayctl.commands.publish`.
"""
