"""What a wrong `tune.space` or `tune.storage` is answered when the run file is read: the line, and what to write."""

from __future__ import annotations

import pytest

from estafet.errors import ConfigError
from estafet.runfile import load
from estafet.runfile.study_storage import misfit_of_storage, shown, without_password


def error_of(path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value


@pytest.mark.parametrize(
    ("range_", "said"),
    [
        ("{low: 0.1, high: 0.01}", "low ≤ high"),
        ("{low: 0.1}", "give low and high"),
        ("{low: 0, high: 0.1, scale: log}", "a logarithmic scale must start above 0, not at 0"),
        ("{low: -1, high: 0.1, scale: log}", "a logarithmic scale must start above 0, not at -1"),
        ("{low: 1.2, high: 1.8, integer: true}", "there is no whole number between 1.2 and 1.8"),
        ("{choices: []}", "at least one value in choices"),
        ("{choices: [1, 2], low: 1}", "neither low nor high"),
        ("{low: .nan, high: 1}", "finite"),
        ("{low: 1, high: 2, scale: logarithmic}", "'linear' or 'log'"),
        ("{low: 1, high: 2, log: true}", "unknown key 'tune.space.rate.log'"),
        ("[1, 2]", "must hold keys"),
    ],
)
def test_a_range_that_is_none_is_answered_with_its_line(write, range_, said):
    error = error_of(write("train:\n", f"tune:\n  space:\n    rate: {range_}\ntrain:\n"))

    assert error.message.startswith("run.yaml:8: ")
    assert "tune.space.rate" in error.message
    assert said in error.message


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("mysql://host/db", "'mysql://host/db' is no place for a study"),
        ("study.db", "'study.db' is no place for a study"),
        ("sqlite:///", "is no place for a study"),
        ("postgresql://host", "is no place for a study"),
    ],
)
def test_a_storage_that_is_none_is_answered_with_its_line_and_what_to_write(write, storage, said):
    error = error_of(write("train:\n", f"tune:\n  storage: {storage}\ntrain:\n"))

    assert error.message.startswith("run.yaml:7: ")
    assert said in error.message
    assert "sqlite:///FILE" in error.hint


@pytest.mark.parametrize(
    ("storage", "without"),
    [
        ("postgresql://me:s3cret@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://me:s3c/r@et?@host/db", "postgresql://me@host/db"),
        ("postgresql://me@host/db?password=s3cret&sslmode=require", "postgresql://me@host/db?sslmode=require"),
        ("postgresql+psycopg://me:s3cret@/db?host=/run", "postgresql+psycopg://me@/db?host=/run"),
    ],
)
def test_a_password_in_the_storage_is_refused_and_never_shown(write, storage, without):
    error = error_of(write("train:\n", f"tune:\n  storage: '{storage}'\ntrain:\n"))

    assert without_password(storage) == without
    for text in (str(error), shown(storage), str(misfit_of_storage(storage))):
        assert "s3c" not in text
        assert "et@" not in text
    assert "PGPASSWORD" in error.hint
    assert without in error.hint


@pytest.mark.parametrize(
    "storage",
    [
        "sqlite:///study.db",
        "postgresql://me@host/db",
        "postgresql:///db?host=/run/postgresql",
        "postgresql://host:5432/db",
    ],
)
def test_a_storage_without_a_password_is_taken_as_it_is(write, storage):
    assert load(write("train:\n", f"tune:\n  storage: {storage}\ntrain:\n")).run.tune.storage == storage
    assert shown(storage) == storage
