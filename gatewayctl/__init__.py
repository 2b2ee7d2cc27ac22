"""The platform engineer's commands: `python -m gatewayctl --help`. Never shipped.

A command is a module with a `COMMAND`, and its row in `gatewayctl.cli.COMMANDS`; commands that
belong together are a package with `COMMANDS`, and a row in `GROUPS`:

    arguments ─► cli ─► command.run(options, tables) ─► Report ─► cli prints text or JSON, exit code
"""
