"""A local SageMaker: boto3 uses it as if it were AWS, and real model servers make predictions.

It is one process with one port and one event loop:

    server ─► runtime ────────► hosting/endpoints ─► models ─► hosted_container ─► model servers
       ├────► control_plane/ ─► hosting/endpoints (creates and deletes them)
       ├────► faults
       └────► moto (S3, Secrets Manager, IAM, and every other AWS service)

`modelserver/` is the model server that runs in the containers, and `demo/` creates the demo
endpoints. Nothing that ships imports this package, and it imports nothing that ships.
"""
