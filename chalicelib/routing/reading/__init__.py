"""How `routing.yaml` becomes a `RoutingTable`, or the list of everything that is wrong with it.

    file ─► compiled form, if it has the digest of this YAML ───────────► RoutingTable
        └─► document ─► nodes     YAML with its lines; refuses what a table may not use
                     ─► entry     one model ─► written_targets ─► keys ─► values, patterns
                     ─► problems  all problems at once, or a table; never a part of one

A start with a compiled table imports only `file` of this package.
"""
