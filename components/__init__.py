"""The steps of the relay, one folder each: component.py is its Kubeflow signature, step.py is its work."""
