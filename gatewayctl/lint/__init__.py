"""What a gateway takes, and what somebody will regret: the warnings of `gatewayctl validate`.

    table ─► rules ─► artifacts     names that are overwritten, or that SageMaker cannot load
                  ─► cold_starts    deadlines that end before an artifact is loaded
                  ─► targets        entries that another one contradicts, or repeats
                  ─► metrics        models whose metrics cost money
          ─► warnings, each with its line

A rule is a generator that takes a `Subject` and yields key paths with texts; its row is in `RULES`.
Each text names the way out, and for what may be meant, how to say so.
"""
