"""The composition root: what Lambda, `chalice local` and `chalice deploy` import."""

from chalicelib.api.factory import create_app
from chalicelib.settings import Settings

app = create_app(Settings.from_env())
