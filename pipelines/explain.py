"""Says for each step whether it would run, and why, by letting Kubeflow's own orchestrator walk the graph dry."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import local

from estafet.runfile import LoadedRunFile
from estafet.runfile.steps import SETTINGS
from estafet.tracking import flatten
from pipelines.arguments import TrainingArguments, training_arguments
from pipelines.ledger import Ledger, listening
from pipelines.training import CACHED_STEPS, STEPS, training_pipeline
from pipelines.workspace import Workspace, run_that_made

MAX_NAMED = 3
ELSEWHERE = ("model", "task", "name")
"""Keys of a step's settings that stand outside its own section of the run file."""
PINNED, EARLIER = "expected", "earlier"
"""Key of ingest's settings with the contents of `data.schema_file`."""


@dataclass(frozen=True)
class Explanation:
    """Whether one step would run, and why.

    Attributes:
        step: The step's name.
        runs: Whether it would run (True), be reused (False), or be skipped (None).
        reason: Why it would, or which run it would be reused from.
    """

    step: str
    runs: bool | None
    reason: str


class _WouldRunError(Exception):
    """Ends the dry walk at the first step that would run."""


@dataclasses.dataclass
class _DryRunner(local.SubprocessRunner):
    """A runner that Kubeflow's dispatcher has no handler for, so that nothing can start by mistake."""


class _DryWalk:
    def __init__(self) -> None:
        self.reused: dict[str, Mapping[str, Any]] = {}
        self.first_to_run: tuple[str, Mapping[str, Any]] | None = None

    def looked_up(self, step: str, arguments: Mapping[str, Any], outputs: Mapping[str, Any] | None) -> None:
        if outputs is None:
            self.first_to_run = step, arguments
            raise _WouldRunError
        self.reused[step] = outputs

    def ran(self, step: str, arguments: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        raise AssertionError(f"{step} ran in a dry walk")


def explain(loaded: LoadedRunFile) -> list[Explanation]:
    """Say for each step of a training run whether it would run now, and why; nothing is run or changed.

    Args:
        loaded: The run file.

    Returns:
        One explanation for each step, in the order of the relay.
    """
    workspace = Workspace(loaded)
    arguments = training_arguments(loaded, workspace.tracking_uri(loaded))
    walk = _DryWalk()
    with tempfile.TemporaryDirectory(prefix="estafet-dry-") as nowhere:
        # Kubeflow makes the folders that it is given, and a workspace that is not there yet shall not be made.
        cache = workspace.cache if workspace.cache.is_dir() else Path(nowhere, "cache")
        local.init(
            _DryRunner(use_venv=False), nowhere, workspace_root=str(Path(nowhere, "workspace")),
            enable_caching=True, cache_root=str(cache),
        )  # fmt: skip
        with listening(cache, walk), contextlib.redirect_stdout(io.StringIO()):
            with contextlib.suppress(_WouldRunError), _stopping_at_effects():
                training_pipeline(tuning=loaded.run.tune.enabled)(**arguments.values)
    return list(_explanations(loaded, walk, arguments, Ledger(workspace.ledger)))


@contextlib.contextmanager
def _stopping_at_effects() -> Iterator[None]:
    """End the walk where a step that is never cached would start."""
    try:
        yield
    except KeyError as error:
        if error.args != (_DryRunner,):
            raise


def _explanations(
    loaded: LoadedRunFile, walk: _DryWalk, arguments: TrainingArguments, ledger: Ledger
) -> Iterator[Explanation]:
    running: list[str] = []
    refused = walk.reused.get("evaluate", {}).get("Output") is False
    for step in STEPS:
        if step == "tune" and not loaded.run.tune.enabled:
            yield Explanation(step, None, "tune.enabled is false")
        elif step in walk.reused:
            yield Explanation(step, False, f"nothing changed since run {run_that_made(walk.reused[step])}")
        elif refused and step in ("export", "deploy"):
            yield Explanation(step, None, "the gate refuses this model")
        elif step not in CACHED_STEPS:
            yield Explanation(step, True, "has an effect outside the run, and is never reused")
        elif walk.first_to_run and walk.first_to_run[0] == step:
            running.append(step)
            yield Explanation(step, True, "; ".join(_reasons(step, walk.first_to_run[1], arguments, ledger)))
        else:
            yield Explanation(step, True, f"comes after {' and '.join(running[:1])}")


def _reasons(step: str, called: Mapping[str, Any], arguments: TrainingArguments, ledger: Ledger) -> list[str]:
    """Compare what a step would be called with, with its newest execution."""
    before = ledger.read(step)
    if before is None:
        return ["it never ran in this workspace"]
    reasons = []
    for name, value in called.items():
        old = before["arguments"].get(name)
        if old == value:
            continue
        if name == "settings":
            reasons += _changed_settings(old or {}, value, step)
        elif name == "code":
            reasons += _changed_parts("code", before["code"], arguments.code[step].parts)
        elif name == "source_fingerprint":
            reasons += _changed_parts("data", before["sources"], arguments.sources.files)
        elif name in ("champion", "champion_fingerprint"):
            reasons.append("the champion, which a candidate is compared with, is another one")
    return list(dict.fromkeys(reasons)) or (
        ["an earlier step gave another result"] if called != before["arguments"] else ["its outputs are gone"]
    )


def _changed_settings(old: Mapping[str, Any], new: Mapping[str, Any], step: str) -> list[str]:
    """Name each key of the run file that changed, with both values."""
    section = SETTINGS[step][1]
    before, after = (flatten({**settings, PINNED: None, EARLIER: None}) for settings in (old, new))
    reasons = _changed_schema(old.get(PINNED), new.get(PINNED))
    if old.get(EARLIER) != new.get(EARLIER):
        reasons.append("the study that tune.warm_start names is another one")
    for key in dict.fromkeys([*before, *after]):
        values = before.get(key), after.get(key)
        if values[0] != values[1] and {} not in values:
            name = key if key.partition(".")[0] in ELSEWHERE else f"{section}.{key}"
            reasons.append(f"{name} {_show(values[0])} → {_show(values[1])}")
    return reasons


def _changed_schema(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """Name what changed in the pinned schema, as it stands in the file."""
    if old == new or old is None or new is None:
        return [] if old == new else [f"data.schema_file {'is new' if old is None else 'is unset'}"]
    before, after = flatten(old), flatten(new)
    changed = [key for key in dict.fromkeys([*before, *after]) if before.get(key) != after.get(key)]
    return [
        "the schema of data.schema_file changed: "
        + _name_some([f"{key} {_show(before.get(key))} → {_show(after.get(key))}" for key in changed])
    ]


def _show(value: object) -> str:
    if value is None:
        return "unset"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _changed_parts(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    groups = {
        "changed": sorted(key for key in new if key in old and old[key] != new[key]),
        "added": sorted(key for key in new if key not in old),
        "removed": sorted(key for key in old if key not in new),
    }
    return [f"{what} {how}: {_name_some(names)}" for how, names in groups.items() if names]


def _name_some(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")
