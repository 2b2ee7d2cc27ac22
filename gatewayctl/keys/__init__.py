"""API keys: made here, shown once, and kept as digests in AWS Secrets Manager.

    issue, rotate, disable ─► revision ─► store   reads the key document, and replaces it only
                                                  while it is still the one that was read
    listing                a command too: keys as people see them, without digests
    fresh_key, document    a key that nobody has seen yet, and how the document spells what it says
    reach                  whether a grant leads anywhere in the routing table
    outside                what the commands are handed: AWS, the time, chance

What the document may say is the business of `chalicelib.auth.key_document`, whose parser judges
everything that a person asks for.
"""
