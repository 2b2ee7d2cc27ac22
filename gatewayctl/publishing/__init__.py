"""Putting a routing table into S3, where running gateways find it.

`publication` compares a table with the one that is live and puts it there, `changes` says what
differs, and `store` reads and replaces the objects in S3. The command is
`gatewayctl.commands.publish`.
"""
