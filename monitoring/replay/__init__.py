"""Replay: checks on a schedule, and what a policy would have done with the log of the past."""
