"""The IAM policies of the gateway's two functions, made from the routing table.

needs ─► folding     shortens a policy until IAM accepts its length
      ─► documents   writes the statements and the two policy documents
"""
