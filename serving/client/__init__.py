"""Asks a model server, ours or TensorFlow Serving, over REST or gRPC; arrays, frames and rows in and out."""

from serving.client.address import Tls
from serving.client.client import Client
from serving.client.prediction import Prediction, VersionStatus
from serving.client.retries import Retries

__all__ = ["Client", "Prediction", "Retries", "Tls", "VersionStatus"]
