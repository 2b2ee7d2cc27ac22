"""What the Multi Model Server runs here: a model is a number, an invocation divides it."""

from pathlib import Path

from mms.service import PredictionException


def handle(data, context):
    """Called without data when the model is loaded, then with a batch of one per invocation."""
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
