"""What `make bench` runs: the gateway's costs compared with handlers that people write instead."""
