"""A schema is written to be read and edited by a person, and what is wrong in it is said with the place."""

from __future__ import annotations

import json

import pytest

from estafet.errors import ConfigError
from estafet.source_schema import ImageBounds, SourceColumn, SourceSchema

SCHEMA = SourceSchema(
    columns={
        "zone": SourceColumn(type="category", categories=("Süd", "Nord"), max_missing_share=0.25),
        "age": SourceColumn(type="integer", min=17, max=90, max_missing_share=0),
        "note": SourceColumn(type="text"),
    },
    images=ImageBounds(min_height=8, channels=(1, 3)),
)

WRITTEN = """\
{
  "format": 1,
  "columns": {
    "zone": {"type": "category", "categories": ["Süd", "Nord"], "max_missing_share": 0.25},
    "age": {"type": "integer", "min": 17, "max": 90, "max_missing_share": 0.0},
    "note": {"type": "text"}
  },
  "images": {"min_height": 8, "channels": [1, 3]}
}
"""


def test_a_schema_is_one_line_for_each_column_without_what_is_not_given(tmp_path):
    SCHEMA.save(tmp_path / "schema.json")

    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == WRITTEN
    assert SourceSchema.load(tmp_path / "schema.json") == SCHEMA


@pytest.mark.parametrize("schema", [SourceSchema(), SourceSchema(images=ImageBounds()), SCHEMA])
def test_what_is_written_is_json_and_reads_back(schema, tmp_path):
    schema.save(tmp_path / "schema.json")

    assert json.loads((tmp_path / "schema.json").read_text(encoding="utf-8"))["format"] == 1
    assert SourceSchema.load(tmp_path / "schema.json") == schema


def test_a_schema_survives_the_floats_of_kubeflow():
    values = SCHEMA.model_dump(mode="json", exclude_none=True)
    as_floats = json.loads(json.dumps(values), parse_int=float)

    assert SourceSchema.model_validate(as_floats) == SCHEMA
    assert repr(SourceSchema.model_validate(as_floats).columns["age"].max) == "90"


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('{"columns": {"a": {"type": "integr"}}}', "s.json: columns.a.type is 'integr'", "did you mean 'integer'?"),
        ('{"columns": {"a": {"type": "number", "mim": 3}}}', "unknown key 'columns.a.mim'", "did you mean 'min'?"),
        ('{"colums": {}}', "unknown key 'colums'", "did you mean 'columns'?"),
        ('{"images": {"min_hieght": 3}}', "unknown key 'images.min_hieght'", "did you mean 'min_height'?"),
        ('{"columns": {"a": {}}}', "'columns.a.type' is missing", '"type": "number"'),
        ('{"columns": {"a": {"type": "number", "min": 3, "max": 2}}}', "min (3) is above max (2)", "estafet inspect"),
        ('{"columns": {"a": {"type": "text", "max": 2}}}', "min and max are for the types number", "inspect"),
        (
            '{"columns": {"a": {"type": "text", "categories": ["b"]}}}',
            "categories are for the type category",
            "inspect",
        ),
        (
            '{"columns": {"a": {"type": "text", "max_missing_share": 5}}}',
            "less than or equal to 1 (it is 5)",
            "inspect",
        ),
        ('{"columns": {"a": {"type": "number", "min": NaN}}}', "columns.a.min", "inspect"),
        ('{"columns": {"a": {"type": "text"}, "a": {"type": "text"}}}', "the key 'a' stands twice", "remove one"),
        ('{\n"columns": {,}}', "s.json:2: this is not JSON", "commas"),
        ("[]", "must hold an object", "estafet inspect"),
        ('{"columns": {"a": "number"}}', 'columns.a is "number", but must be an object', "inspect"),
        ('{"images": {"channels": 3}}', "images.channels is 3, but must be a list", "inspect"),
        ('{"format": 2, "anything": 1}', "has format 2, and this Estafet reads format 1", "the Estafet that wrote it"),
    ],
)
def test_a_mistake_is_said_with_its_place_and_what_was_meant(tmp_path, text, words, hint):
    path = tmp_path / "s.json"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        SourceSchema.load(path)

    assert words in caught.value.message
    assert hint in caught.value.hint


def test_a_schema_that_is_not_there_names_the_closest(tmp_path):
    SCHEMA.save(tmp_path / "cancer.json")

    with pytest.raises(ConfigError, match=r"there is no schema file '.*cancr\.json'") as caught:
        SourceSchema.load(tmp_path / "cancr.json")

    assert "did you mean 'cancer.json'?" in caught.value.hint
