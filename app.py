"""The entry point that Lambda, `chalice local` and `chalice deploy` import: it builds `app`."""

import gc
import sys
from pathlib import PurePath

# A start creates tens of thousands of objects that all stay. Garbage collection would visit them
# again and again and take a tenth of the start's time, or more with thousands of models.
was_enabled = gc.isenabled()
gc.disable()
try:
    from chalicelib.api.factory import create_app
    from chalicelib.errors import ConfigurationError
    from chalicelib.settings import Settings

    # The imports leave little garbage, and to look for it would take a twentieth of the start.
    gc.freeze()

    try:
        app = create_app(Settings.from_env())
    except ConfigurationError as error:
        if PurePath(sys.argv[0]).name != "chalice":
            raise
        # Chalice's commands would print a traceback around the message.
        sys.stderr.writelines(f"error: {line}\n" for line in error.lines)
        sys.exit(2)

    # Lambda's second function: Chalice deploys an authorizer as `app.<its name>`.
    authorize = app.handler_map["authorize"]

    if "work" in app.handler_map:  # the third function, only with jobs
        work = app.handler_map["work"]

    gc.collect()
    gc.freeze()
except BaseException:
    gc.unfreeze()
    raise
finally:
    if was_enabled:
        gc.enable()
