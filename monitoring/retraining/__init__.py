"""Retraining: labelled requests become data to learn from, and a training run starts on them."""
