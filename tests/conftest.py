"""What holds for every test."""

import os

import pytest

ONE_PROJECT = "/after_a_run/"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each worker whole modules, and to one worker all that look at the same project, which costs a minute."""
    from xdist.scheduler import LoadFileScheduling

    class ByProject(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder, found, _ = nodeid.partition(ONE_PROJECT)
            return folder if found else super()._split_scope(nodeid)

    return ByProject(config, log)


@pytest.fixture(autouse=True)
def mlflow_is_forgotten():
    """MLflow writes the store that it was given into the environment, where the next test's commands would find it."""
    before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    yield
    for name in [name for name in os.environ if name.startswith("MLFLOW_") and name not in before]:
        del os.environ[name]
    os.environ.update(before)
