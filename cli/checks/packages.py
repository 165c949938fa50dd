"""Checks of the environment: versions of the packages, and whether their byte code is compiled."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import subprocess
import sys
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

from cli.checks.check import Check, State, missing, ok, warn

OPTIONAL_EXTRAS = ("storage", "examples")
LEFT_OUT_EXTRAS = ("dev", "all")
SLOW_TO_COMPILE = ("tensorflow", "keras", "mlflow", "kfp")
SAMPLED_FILES = 60
DEEP_TIMEOUT_S = 120
MEND = "make setup"


def packages() -> list[Check]:
    """Check that each package that Estafet needs is installed, in a version that it can use.

    Returns:
        A check for all that are as wanted, and one for each that is not.
    """
    try:
        requirements = metadata.requires("estafet") or []
    except metadata.PackageNotFoundError:
        return [missing("estafet", "is not installed in this environment", MEND)]
    checks = [check for text in requirements if (check := _requirement(text)) is not None]
    wrong = {check.name: check for check in checks if check.state != State.OK}
    right = {check.name: check.found for check in checks if check.name not in wrong}
    shown = ", ".join(f"{name} {version}" for name, version in right.items())
    return [ok("packages", f"{len(right)} as wanted: {shown}"), *wrong.values()]


def _requirement(text: str) -> Check | None:
    """Check one requirement, such as `kfp>=2.17; extra == "pipelines"`; None for one that is not to be checked."""
    wanted, _, marker = text.partition(";")
    extra = next(iter(re.findall(r"extra == ['\"]([\w-]+)['\"]", marker)), "")
    name = re.split(r"[<>=!~\[( ]", wanted, maxsplit=1)[0]
    if name == "estafet" or extra in LEFT_OUT_EXTRAS:
        return None
    report = warn if extra in OPTIONAL_EXTRAS else missing
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return report(name, f"not installed; wanted is {wanted.strip()}", MEND)
    if not _satisfies(version, wanted):
        return report(name, f"{version}; wanted is {wanted.strip()}", MEND)
    return ok(name, version)


def _satisfies(version: str, wanted: str) -> bool:
    """Whether a version is within the requirement's bounds; True where `packaging` is not there to tell."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return True
    return Requirement(wanted).specifier.contains(version, prereleases=True)


def byte_code() -> Check:
    """Check that the large packages are compiled: without it, importing TensorFlow takes twice as long."""
    uncompiled = [name for name in SLOW_TO_COMPILE if not _is_compiled(name)]
    if not uncompiled:
        return ok("byte code", "compiled")
    site = Path(importlib.util.find_spec(uncompiled[0]).origin).parents[1]
    command = f"{sys.executable} -m compileall -q -j 0 {site}"
    return warn("byte code", f"not compiled: {', '.join(uncompiled)}; their import is slow", command)


def _is_compiled(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.origin:
        return True  # what is not installed is another check's business
    files = list(itertools.islice(Path(spec.origin).parent.rglob("*.py"), SAMPLED_FILES))
    return sum(Path(cache_from_source(str(file))).is_file() for file in files) >= 0.8 * len(files)


def tensorflow() -> Check:
    """Import TensorFlow in a process of its own, and ask it for GPUs; this takes seconds."""
    program = (
        "import json, time; start = time.perf_counter(); import tensorflow as tf; took = time.perf_counter() - start\n"
        "print(json.dumps([tf.__version__, took, [d.name for d in tf.config.list_physical_devices('GPU')]]))"
    )
    try:
        asked = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=DEEP_TIMEOUT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it died without a word"])[-1]
        return missing("TensorFlow", f"cannot be imported: {last}", MEND)
    except subprocess.TimeoutExpired:
        return missing("TensorFlow", f"takes longer than {DEEP_TIMEOUT_S} s to import", MEND)
    version, import_s, gpus = json.loads(asked.stdout.splitlines()[-1])
    seen = f"sees {', '.join(gpus)}" if gpus else "sees no GPU"
    return ok("TensorFlow", f"{version}, imported in {import_s:.1f} s, {seen}")
