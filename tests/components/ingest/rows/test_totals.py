"""What buckets amount to."""

import numpy as np
import pytest

from components.ingest.rows import totals
from components.ingest.rows.encoding import Columns, EncodedBucket, PartOfBucket
from components.ingest.statistics import NumericStatistics


@pytest.mark.parametrize("num_joined", [1, 10**6])
def test_a_group_in_several_parts_counts_once_for_each_part_more(monkeypatch, num_joined):
    """Of the groups 0 to 59, those from 40 on are in both parts; each is in two buckets of three."""
    monkeypatch.setattr(totals, "MIN_GROUPS_JOINED", num_joined)
    columns = Columns((), (), (), (), np.zeros(0, bool), np.zeros(0, np.uint64), None, {}, "vectors", True)
    found = totals.Totals(columns, ("train", "test"), None)

    for bucket in range(3):
        parts = {}
        for part, groups in enumerate((np.arange(60), np.arange(40, 80))):
            parts[part] = PartOfBucket((), b"", None, groups[groups % 3 != bucket].astype(np.uint64))
        found.add(EncodedBucket(parts, NumericStatistics(1), (), 0, 0))

    assert found.num_shared_groups() == 20
