"""The Optuna study: what it searches, where it is kept, how it samples, prunes and learns from an earlier one."""
