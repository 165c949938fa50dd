"""The monitor: drift between training data and requests, alerts, and the policy that asks for a retraining run."""
