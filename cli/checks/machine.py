"""Checks of the machine: Python, memory, disk, CPU cores and GPUs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cli.checks.check import Check, missing, ok, warn

GB = 1e9
MEMORY_GB = 4
DISK_GB, LEAST_DISK_GB = 5, 0.5
NVIDIA_TIMEOUT_S = 5


def python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """Check the version of Python."""
    found = f"{sys.version.split()[0]} in {sys.prefix}"
    if (3, 11) <= version < (3, 13):
        return ok("Python", found)
    return missing("Python", f"{found}; Estafet needs 3.11 or 3.12", "make setup PYTHON=python3.12")


def memory() -> Check:
    """Check how much memory there is, and how much of it is free, within the container's limit."""
    total, available = _memory_bytes()
    found = f"{available / GB:.1f} of {total / GB:.1f} GB available"
    if available < MEMORY_GB * GB:
        return warn("memory", found, "close other programs, or make train.batch.limit and data.image_size smaller")
    return ok("memory", found)


def _memory_bytes() -> tuple[int, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    total = available = page * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):  # no cgroup v2, or no limit ("max")
        return total, available
    return min(total, limit), min(available, max(0, limit - used))


def disk(workspace: Path) -> Check:
    """Check how much room there is where the workspace is."""
    folder = existing(workspace)
    free = shutil.disk_usage(folder).free
    found = f"{free / GB:.1f} GB free at {folder}"
    mend = f"free some space, or set workspace to another disk; old runs are in {workspace / 'runs'}"
    if free < LEAST_DISK_GB * GB:
        return missing("disk", found, mend)
    return ok("disk", found) if free >= DISK_GB * GB else warn("disk", found, mend)


def workspace_writable(workspace: Path) -> Check:
    """Check that the workspace can be written, without making it."""
    folder = existing(workspace)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return ok("workspace", f"{workspace} {'is there' if folder == workspace else 'can be made'}")
    return missing("workspace", f"{folder} cannot be written", "set workspace in the run file to a folder of yours")


def existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def cores() -> Check:
    """Count the CPU cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if allowed < 2:
        return warn(
            "CPU cores", "1", "give the machine or the container another core; tuning and training share this one"
        )
    return ok("CPU cores", str(allowed))


def gpus() -> Check:
    """Ask NVIDIA's driver for GPUs, if it is there; TensorFlow itself is asked by --deep."""
    if shutil.which("nvidia-smi") is None:
        return ok("GPUs", "none; models train on the CPU")
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return warn("GPUs", f"nvidia-smi does not answer: {error}", "nvidia-smi")
    names = [line.strip() for line in asked.stdout.splitlines() if line.strip()]
    return ok("GPUs", "; ".join(names) or "none; models train on the CPU")
