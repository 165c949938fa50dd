"""Measures a model server under load: how many requests it answers, how fast, and how many it fails."""
