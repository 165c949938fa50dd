"""One worker's training process: `python -m components.train.worker JOB.json`, which a supervisor starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from estafet.training.workers import child, cluster
from estafet.training.workers.relay import Relay


def main(relay: Relay) -> None:
    """Train as the job says, and tell the supervisor; only the chief writes the model and is heard."""
    from estafet.training.workers.strategy import multi_worker_strategy

    multi_worker_strategy()  # before TensorFlow is used for anything else
    from components.train import step

    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    here = cluster.from_environment()
    is_chief = here is None or here.is_chief
    trained = step.train_here(
        step.Settings.model_validate(job["settings"]),
        job["dataset_folder"],
        job["out_folder"],
        hyperparameters=job["hyperparameters"],
        scratch=job["scratch"],
        writes=is_chief,
        **({"progress": relay.progress, "tracker": relay.tracker} if is_chief else {}),
    )
    relay.tell("trained", trained=trained.model_dump(mode="json"))


if __name__ == "__main__":
    child.run(main)
