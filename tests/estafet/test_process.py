"""Ending without a last collection of garbage."""

import subprocess
import sys

CYCLE = """
import sys
from estafet.process import end_quickly
class Loud:
    def __del__(self): print("collected", flush=True)
loud = Loud(); loud.itself = loud
import builtins; builtins.kept = loud
if len(sys.argv) > 1: end_quickly()
del loud, builtins.kept
import atexit; atexit.register(print, "exit handler ran", flush=True)
open("written", "w").write("whole")
"""


def end_of(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-c", CYCLE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_garbage_is_left_but_files_are_closed_and_exit_handlers_run(tmp_path):
    assert end_of(tmp_path) == ["exit handler ran", "collected"]
    assert end_of(tmp_path, "quickly") == ["exit handler ran"]
    assert (tmp_path / "written").read_text() == "whole"
