"""The platform engineer's command line: `gatewayctl --help`. It is never shipped.

A command is a function in `gatewayctl.commands` with the decorator of `gatewayctl.command`, and a
row in the tables of `gatewayctl.cli`:

    arguments ─► cli ─► command(context, its options) ─► Report ─► cli prints it, exit code
"""
