"""From what an account holds to a routing table that a person goes on with.

command ─► hosting    an endpoint ─► its entries, or why it has none
             └─► artifacts ─► versions   the newest of each model
                           ─► shapes     artifacts that differ in one part only
                           ─► rules      what that part may be
        ─► names      what callers write, each name once
        ─► document   YAML with comments, checked by the gateway's own parser
"""
