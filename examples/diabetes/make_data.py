"""Writes scikit-learn's diabetes table as `data/diabetes.parquet`: ten measurements of each of 442 patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_diabetes

from estafet.files import replacing

DATA = Path(__file__).parent / "data" / "diabetes.parquet"
NAMES = ("age", "sex", "bmi", "blood_pressure", "s1_tc", "s2_ldl", "s3_hdl", "s4_tch", "s5_ltg", "s6_glucose")


def main() -> None:
    """Write the table, whole or not at all; a file that is there stays as it is."""
    if DATA.is_file():
        print(f"{DATA}: complete")
        return
    table = load_diabetes(scaled=False)
    columns = {name: table.data[:, index] for index, name in enumerate(NAMES)}
    columns["sex"] = np.where(table.data[:, NAMES.index("sex")] == 1, "sex_1", "sex_2")  # the source does not say which
    with replacing(DATA, "wb") as file:
        pq.write_table(pa.table({**columns, "progression": table.target}), file)
    print(f"{DATA}: wrote {len(table.target):,} patients")


if __name__ == "__main__":
    main()
