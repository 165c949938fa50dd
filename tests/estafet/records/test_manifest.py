"""A manifest that cannot be read is an error that names it."""

import json

import pytest

from estafet.errors import DataError
from estafet.records.manifest import FORMAT, Manifest


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"format": 2, "task', "manifest.json' is no manifest: Unterminated string"),
        ("[]", "manifest.json' is no manifest: it holds no object"),
        (json.dumps({"format": FORMAT, "task": "tabular_regression"}), "manifest.json' is no manifest: "),
        (json.dumps({"format": FORMAT + 1}), f"has format {FORMAT + 1}, and this Estafet reads format {FORMAT}"),
    ],
)
def test_a_manifest_that_is_none_is_named(tmp_path, content, said):
    (tmp_path / "manifest.json").write_text(content)

    with pytest.raises(DataError, match=said) as caught:
        Manifest.load(tmp_path)
    assert "ingest again" in caught.value.hint
