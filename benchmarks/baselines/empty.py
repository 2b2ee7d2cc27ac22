"""An empty handler: the cost of Python and Lambda's runtime client alone."""


def handler(event, context):
    return {"statusCode": 200, "body": ""}
