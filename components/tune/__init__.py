"""A search for hyperparameters on a subsample."""
