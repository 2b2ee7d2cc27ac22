"""The composition root: what Lambda, `chalice local` and `chalice deploy` import."""

from chalicelib.api.factory import create_app
from chalicelib.settings import Settings

app = create_app(Settings.from_env())

# Lambda's second function: Chalice deploys an authorizer as `app.<its name>`.
authorize = app.handler_map["authorize"]
