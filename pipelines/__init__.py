"""The two relays as Kubeflow pipelines, and how they are compiled, explained, run here and submitted there."""
