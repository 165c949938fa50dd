"""A SavedModel that takes raw features."""
