"""Served requests against the training data."""
