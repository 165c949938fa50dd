"""Incidents: what follows from judged windows, and the monitor's memory of it."""
