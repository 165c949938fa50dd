"""The word that a pipeline run has ended."""
