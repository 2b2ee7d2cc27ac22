"""The command line of the engineers who run a gateway. It is not deployed with the gateway.

A command is a function in `gatewayctl.commands` with the decorator of `gatewayctl.command`, and a
row in the table `COMMANDS` of `gatewayctl.cli`:

    arguments ─► cli ─► command(context, its options) ─► Report ─► cli prints it, exit code
"""
