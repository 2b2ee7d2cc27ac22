"""The checks of a request before a model gets it: headers, media types, size, strict JSON."""
