"""The HTTP API of a gateway as OpenAPI 3.1, made from a routing table.

`view` sends the document to a caller. `document` builds it from its operations, and `components`
the parts of an operation: parameters, headers, bodies and problems. Errors, limits and header names
come from the modules of the gateway that enforce them. The document is for callers, so it does not
name any endpoint.
"""
