"""Metrics, gates and the comparison with the champion."""
