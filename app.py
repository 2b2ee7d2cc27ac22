"""The composition root: what Lambda, `chalice local` and `chalice deploy` import."""

import gc

# A start makes tens of thousands of objects, and all of them stay. The collector would look through
# them again and again, which is nearly a tenth of a start, and more with thousands of models.
gc.disable()

from chalicelib.api.factory import create_app  # noqa: E402
from chalicelib.settings import Settings  # noqa: E402

app = create_app(Settings.from_env())

# Lambda's second function: Chalice deploys an authorizer as `app.<its name>`.
authorize = app.handler_map["authorize"]

gc.freeze()
gc.enable()
