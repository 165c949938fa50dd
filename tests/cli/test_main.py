"""The command itself: quick to answer, and its errors are words and statuses."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, between_words, estafet

HEAVY = ("kfp", "tensorflow", "keras", "mlflow", "optuna", "evidently", "pandas", "pyarrow", "numpy", "rich", "yaml")


def command(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_help_imports_nothing_heavy():
    code = "import sys, cli.main; sys.argv = ['estafet', '--help']\ntry: cli.main.main()\nexcept SystemExit: pass\n"
    code += f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_help_names_every_command():
    said = CliRunner().invoke(estafet, ["--help"]).output

    assert [name for name in COMMANDS if f"\n  {name} " not in said] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(name):
    done = CliRunner().invoke(estafet, [name, "--help"])

    assert done.exit_code == 0, done.output


def test_a_mistyped_command_is_answered_with_the_closest_one():
    done = command("rnu")

    assert done.returncode == 2
    assert "Did you mean 'run'?" in done.stderr


def test_an_error_ends_with_its_status_and_its_hint_and_without_a_traceback(tmp_path):
    (tmp_path / "run.yaml").write_text("name: x\ntask: forecasting\ndata: {source: a.csv}\ntrian: {}\n")

    done = command("run", "run.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr == "error: run.yaml:4: unknown key 'trian'.\n  hint: did you mean 'train'?\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_complete_estafet(shell):
    done = CliRunner().invoke(estafet, ["completion", shell])

    assert done.exit_code == 0
    assert "_ESTAFET_COMPLETE" in done.output


def test_bash_completes_the_commands(tmp_path):
    environment = {"_ESTAFET_COMPLETE": "bash_complete", "COMP_WORDS": "estafet ex", "COMP_CWORD": "1", "PATH": "/bin"}

    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'estafet'; from cli.main import main; main()"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip

    assert {line.split(",")[1] for line in done.stdout.split()} == {"explain", "experiments"}


def test_the_schema_is_json_and_knows_profiles():
    import json

    schema = json.loads(CliRunner().invoke(estafet, ["schema"]).output)

    assert {"name", "task", "data", "profiles"} <= set(schema["properties"])


def test_compile_writes_the_file_that_it_names(tmp_path):
    (tmp_path / "run.yaml").write_text("name: x\ntask: forecasting\ndata: {source: a.csv}\n")

    done = command("compile", "run.yaml", "-o", "out/pipeline.yaml", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "estafet-training" in (tmp_path / "out" / "pipeline.yaml").read_text()
    assert "estafet submit run.yaml" in done.stdout


def test_lines_break_between_words_and_never_within_a_path():
    path = "/data/a-folder/with-a-long-name/report.html"

    lines = between_words(f"error: the gate refused this model.\n  hint: see {path}; then try again.", 30).splitlines()

    assert lines == [
        "error: the gate refused this",
        "  model.",
        "  hint: see",
        f"  {path};",
        "  then try again.",
    ]
