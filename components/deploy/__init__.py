"""A numbered version, published by renaming after a smoke test."""
