"""The IAM policies of the gateway's functions, made from the routing table.

functions ─► secrets     finds stages that share a secret
needs ─► folding         shortens a policy until IAM accepts its length
      ─► documents       writes the statements and the policy documents
         jobs            the statements that only a stage with jobs needs
place                    the account, the region and the partition of every ARN
"""
