"""Runs models: a session, and the queues in front of it."""
