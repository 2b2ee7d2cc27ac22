"""Compares the costs of the gateway with those of simple handlers; `make bench` runs it."""
