"""Runs the requests of several callers at once."""
