"""The gateway: what Chalice ships beside `app.py`."""
