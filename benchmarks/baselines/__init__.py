"""The handlers that the gateway is compared with; each module becomes the `app.py` of a package."""
