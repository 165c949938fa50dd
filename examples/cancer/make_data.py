"""Writes scikit-learn's breast-cancer table as `data/cancer.csv`: 30 measurements and the diagnosis of 569 samples."""

from __future__ import annotations

import csv
from pathlib import Path

from sklearn.datasets import load_breast_cancer

from estafet.files import replacing

DATA = Path(__file__).parent / "data" / "cancer.csv"


def main() -> None:
    """Write the table, whole or not at all; a file that is there stays as it is."""
    if DATA.is_file():
        print(f"{DATA}: complete")
        return
    table = load_breast_cancer()
    with replacing(DATA) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*(name.replace(" ", "_") for name in table.feature_names), "diagnosis"])
        for measurements, target in zip(table.data.tolist(), table.target, strict=True):
            rows.writerow([*measurements, table.target_names[target]])
    print(f"{DATA}: wrote {len(table.target):,} samples")


if __name__ == "__main__":
    main()
