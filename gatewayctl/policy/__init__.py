"""The IAM policies of the gateway's two functions, made from the routing table.

needs ─► folding     shortens what a policy says until IAM accepts its length
      ─► documents   the statements and the two policy documents
"""
