"""What holds for every test."""

import os

import pytest


@pytest.fixture(autouse=True)
def mlflow_is_forgotten():
    """MLflow writes the store that it was given into the environment, where the next test's commands would find it."""
    before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    yield
    for name in [name for name in os.environ if name.startswith("MLFLOW_") and name not in before]:
        del os.environ[name]
    os.environ.update(before)
