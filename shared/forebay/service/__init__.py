"""The use cases: one a file, named by its verb; they see the world through the ports only."""
