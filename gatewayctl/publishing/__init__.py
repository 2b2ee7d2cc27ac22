"""Putting a routing table into S3, where running gateways find it.

`publication` compares a table with the live one and stores it, `changes` says what
differs, and `store` reads and replaces the objects in S3. The command is
`gatewayctl.commands.publish`.
"""
