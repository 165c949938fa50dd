"""The run file: its sections, its loading with profiles and overrides, its JSON Schema and its reference page."""

from estafet.runfile.loading import LoadedRunFile, load
from estafet.runfile.run import RunFile
from estafet.runfile.tasks import HIGHER_IS_BETTER, Task

__all__ = ["HIGHER_IS_BETTER", "LoadedRunFile", "RunFile", "Task", "load"]
