"""A handler for the Multi Model Server: a model is a number, and an invocation divides it."""

from pathlib import Path

from mms.service import PredictionException


def handle(data, context):
    """Divide the number; the server also calls this function once without data, after a load."""
    number = float(Path(context.system_properties["model_dir"], "number.txt").read_text())
    if data is None:
        return None
    body = bytes(data[0]["body"])
    try:
        divisor = float(body)
    except ValueError as error:
        raise PredictionException(f"not a number: {body.decode()}", 400) from error
    context.set_response_content_type(0, "text/plain")
    return [str(number / divisor)]
