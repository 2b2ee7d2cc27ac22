"""Handlers that people write instead; each module is packaged as the `app.py` of a function."""
