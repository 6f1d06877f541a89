"""AWS event shapes in, use cases out."""
