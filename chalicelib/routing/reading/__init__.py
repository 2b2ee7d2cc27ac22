"""From `routing.yaml` to a `RoutingTable`, or to everything that is wrong with it.

    file ─► compiled form, if it was made from this very YAML ───────────► RoutingTable
        └─► document ─► nodes     YAML with its lines, refusing what a table may not use
                     ─► entry     one model ─► keys ─► values, patterns
                     ─► problems  all of them at once, or a table; never a part of one

Only a start without a compiled table imports more of this package than `file`.
"""
