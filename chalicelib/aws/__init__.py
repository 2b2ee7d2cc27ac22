"""How the gateway reaches AWS: botocore clients, connections with a deadline, TLS trust."""
