"""HTTP: the only room that knows Chalice."""
