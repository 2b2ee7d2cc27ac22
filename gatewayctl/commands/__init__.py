"""The commands, one module each; `gatewayctl.cli` imports a module when its command is called."""
