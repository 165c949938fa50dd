"""A Keras model, trained with a batch-size schedule."""
