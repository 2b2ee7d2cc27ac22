"""The IAM policies of the gateway's two functions, made from the routing table."""
