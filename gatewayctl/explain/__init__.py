"""`gatewayctl explain`: what the gateway makes of one path, and why.

    command ─► caller    somebody with grants: from --grants, or a key of the secret
            ─► errand    the gateway itself, with something in SageMaker's place that calls nothing
            ─► answer    what the caller sees, and the reason that only an operator may know
            ─► sections  entry, parameters, call, deadline, attempts, permission: each text and data

Nothing here decides anything: table, grants, admission, deadline and retries are the gateway's own.
"""
