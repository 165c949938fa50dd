"""Alerting: what happened is told to people and systems, and is kept until they have taken it."""
