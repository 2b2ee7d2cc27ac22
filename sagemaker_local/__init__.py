"""A SageMaker for one machine: unmodified boto3 takes it for AWS, real model servers answer.

One port, one process, one event loop:

    server ─► runtime ────────► endpoints ─► hosting ─► multi_model ─► containers
       ├────► control_plane ──► (creates)                               (model servers)
       ├────► faults
       └────► other_services   (moto: S3, Secrets Manager, IAM, …)

Nothing that ships imports this package, and it imports nothing that ships.
"""
