"""The gateway's HTTP API in the words of OpenAPI 3.1, made from a routing table.

    table ─► document ─► operations ─► bodies, parameters, problems
                                       └─► components: what several operations share

What can go wrong comes from `chalicelib.errors`, limits and header names from the modules that
enforce them, so that there is no second list to keep. It is for callers: nothing here looks at
where a model lives.
"""
