"""A training run on old and new data."""
