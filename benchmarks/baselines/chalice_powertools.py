"""A handler with the frameworks of the gateway, Chalice and Powertools, as in their tutorials."""

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from chalice import Chalice, Response
from chalice.app import ConvertToMiddleware

app = Chalice("naive", configure_logs=False)
logger = Logger()
metrics = Metrics(namespace="Naive")
runtime = boto3.client("sagemaker-runtime")

app.register_middleware(ConvertToMiddleware(logger.inject_lambda_context))
app.register_middleware(ConvertToMiddleware(metrics.log_metrics))


@app.route("/predict/{model}", methods=["POST"])
def predict(model):
    response = runtime.invoke_endpoint(
        EndpointName="tabular", ContentType="application/json", Body=app.current_request.raw_body
    )
    logger.info("predicted", model=model)
    metrics.add_metric(name="Invocations", unit=MetricUnit.Count, value=1)
    return Response(response["Body"].read().decode(), {"Content-Type": "application/json"})
