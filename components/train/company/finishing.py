"""Writes the model that is released, and beside it those that it was made of or learned from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from components.train import writing
from components.train.company import curves
from components.train.company.surroundings import ENSEMBLE, FINISHED, Fellow, Surroundings
from estafet.training.trained import COMPANY_FOLDER, CURVES_FILE, TRAINED_FILE, Trained, save_model


def write(fellows: Sequence[Fellow], around: Surroundings) -> None:
    """Write all models of a step; `training.json` of the released one comes last of all.

    Args:
        fellows: The models in the order in which they were made; the last one is released.
        around: All but an ensemble are finished in its scratch folder.
    """
    *others, released = fellows
    members = [fellow.trained for fellow in others if fellow.trained.role == "member"]
    for fellow in others:
        _place(fellow, members, around, around.out_folder / COMPANY_FOLDER / fellow.name)
    _place(released, members, around, around.out_folder)
    if released.name == ENSEMBLE:
        writing.track(released.trained, around.out_folder, around.tracker)
        around.tracker.log_metrics(released.trained.history[0], step=0)


def _place(fellow: Fellow, members: Sequence[Trained], around: Surroundings, folder: Path) -> None:
    if fellow.name == ENSEMBLE:
        save_model(fellow.model, folder)
        curves.plot(fellow.trained, members, folder / CURVES_FILE)
    else:
        finished = around.scratch / fellow.name / FINISHED
        shutil.copytree(finished, folder, dirs_exist_ok=True, ignore=lambda *_: [TRAINED_FILE])
    fellow.trained.save(folder)
