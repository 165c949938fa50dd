"""Where a study is kept: a journal in the step's folder, a SQLite file, or PostgreSQL for several machines."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage

from components.tune.study.journal import Journal
from components.tune.study.steady import PATIENCE_S, Steady, SteadyDatabase, steadily
from estafet.errors import ConfigError
from estafet.runfile.study_storage import SQLITE, misfit_of_storage, shown

JOURNAL_FILE = "study.journal"
HEARTBEAT_S = 20
GRACE_S = 120
BUSY_WAIT_S = 10
CONNECT_WAIT_S = 10


def open_storage(url: str | None, folder: Path, *, patience_s: float = PATIENCE_S) -> Steady:
    """Open the place where studies are kept, and make it where it is missing.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; None for a journal in `folder`.
        folder: The step's own folder, which outlives a kill.
        patience_s: Seconds that a lock or a server that is away is waited for, here and in every later call.

    Raises:
        ConfigError: It is no such place, holds a password, or the server refuses the user.
        StepFailed: The file is damaged, or cannot be written.
        ServiceUnavailable: It is locked or away.
    """
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / JOURNAL_FILE
        inner = steadily(lambda: JournalStorage(Journal(path)), f"'{path}'", patience_s)
        return Steady(inner, f"'{path}'", patience_s=patience_s)
    if found := misfit_of_storage(url):
        raise ConfigError(f"{found.message}.", hint=found.hint)
    file = Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None
    inner = steadily(lambda: _open_database(url, file), shown(url), patience_s)
    return SteadyDatabase(inner, shown(url), patience_s=patience_s, file=file)


def _open_database(url: str, file: Path | None) -> BaseStorage:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        engine = {"connect_args": {"timeout": BUSY_WAIT_S}}
    else:
        url = f"postgresql+psycopg://{url.partition('://')[2]}"
        engine = {"connect_args": {"connect_timeout": CONNECT_WAIT_S}, "pool_pre_ping": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return get_storage(
                RDBStorage(url, engine_kwargs=engine, heartbeat_interval=HEARTBEAT_S, grace_period=GRACE_S)
            )
    except ImportError as error:
        raise ConfigError(
            "tune.storage names PostgreSQL, whose driver is not installed.", hint="pip install 'psycopg[binary]'"
        ) from error
    except RuntimeError as error:  # the tables of another version of Optuna
        raise ConfigError(
            f"the tables in {shown(url)} are those of another version of Optuna than {optuna.__version__}.",
            hint="name another database in tune.storage, or upgrade this one with `optuna storage upgrade`.",
        ) from error
