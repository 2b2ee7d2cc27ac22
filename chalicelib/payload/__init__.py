"""What goes in and comes out of a model: admission, media types, strict JSON."""
