"""The HTTP API: the Chalice application, its routes, and its authorizer."""
