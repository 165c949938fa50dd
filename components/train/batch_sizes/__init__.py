"""Compares batch sizes: the same training with each, in a process of its own, and what each cost and reached."""
