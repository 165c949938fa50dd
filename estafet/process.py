"""How a process of ours ends: at once, without a last search for garbage among TensorFlow's modules."""

from __future__ import annotations

import atexit
import gc


def end_quickly() -> None:
    """Keep the interpreter from collecting garbage when it ends, which takes a second where TensorFlow is loaded.

    Nothing changes before the end: files are closed, threads are joined and exit handlers run, as always.
    """
    atexit.register(_leave_garbage)


def _leave_garbage() -> None:
    gc.disable()
    gc.freeze()
