"""The entry point that Lambda, `chalice local` and `chalice deploy` import: it builds `app`."""

import gc

# A start creates tens of thousands of objects that all stay. Garbage collection would visit them
# again and again and take a tenth of the start's time, or more with thousands of models.
gc.disable()

from chalicelib.api.factory import create_app  # noqa: E402
from chalicelib.settings import Settings  # noqa: E402

app = create_app(Settings.from_env())

# Lambda's second function: Chalice deploys an authorizer as `app.<its name>`.
authorize = app.handler_map["authorize"]

gc.freeze()
gc.enable()
