"""The JSON Schema and the reference page say what the models say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from estafet.runfile import RunFile, load
from estafet.runfile.problems import section_of
from estafet.runfile.reference import json_schema, reference_page

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(ROOT.glob("examples/*/run.yaml"))


def every_key(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List the keys that hold a value, dotted, with NAME for a key of the user's own and [] for the place in a list."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        inner = section_of(field.annotation)
        is_map, is_list = (str(field.annotation).startswith(kind) for kind in ("dict", "tuple"))
        if inner is None or is_map or is_list:
            keys.append(f"{prefix}{name}")
        if inner is not None:
            keys += every_key(inner, f"{prefix}{name}{'.NAME' if is_map else '[]' if is_list else ''}.")
    return keys


def test_the_reference_page_is_current():
    assert (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8") == reference_page(), "run `make docs`"


def test_the_reference_page_has_a_row_for_every_key_with_its_meaning():
    rows = {row.split("`")[1]: row for row in reference_page().splitlines() if row.startswith("| `")}

    assert set(rows) == set(every_key(RunFile))
    for row in rows.values():
        key, kind, default, meaning = (cell.strip() for cell in row.replace("\\|", "/").strip("|").split("|"))
        assert all((key, kind, default, meaning)), row


@pytest.mark.parametrize(
    "row",
    [
        "| `train.epochs` | integer ≥ 1 | `20` |",
        "| `train.optimizer` | adam \\| adamw \\| sgd | `adam` |",
        "| `data.split.train` | number > 0, < 1 | `0.8` |",
        "| `data.source` | string \\| list of string | required |",
        "| `name` | string | required |",
        "| `tune.space` | map | `{}` |",
        "| `tune.subsample.share` | number \\| auto | `0.2` |",
        "| `tune.rungs` | list of map | `[]` |",
        "| `tune.rungs[].epochs` | integer ≥ 1 | required |",
        "| `tune.optimise` | map \\| list of map | `[]` |",
        "| `tune.choose.within` | number ≥ 0, < 1 | `0.02` |",
        "| `evaluate.gates.NAME.min` | number \\| null | `null` |",
    ],
)
def test_a_row_has_type_bounds_and_default(row):
    assert row in reference_page()


def test_there_are_examples():
    assert {path.parent.name for path in EXAMPLES} == {"digits", "co2", "cancer", "diabetes"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_load_with_each_of_their_profiles(path):
    for profile in [None, *yaml.safe_load(path.read_text())["profiles"]]:
        assert load(path, profile=profile).run.name == path.parent.name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_schema_accepts_the_examples(path):
    assert problems(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("train", {"epoch": 3}),
        ("train", {"epochs": "many"}),
        ("train", {"epochs": 0}),
        ("train", {"optimizer": "magic"}),
        ("data", {"source": 3}),
        ("evaluate", {"gates": {"accuracy": {"minimum": 1}}}),
        ("tune", {"optimise": {"metrics": "mae"}}),
        ("tune", {"subsample": 2.5}),
    ],
)
def test_the_schema_refuses_what_loading_refuses(section, change):
    values = {"name": "a", "task": "forecasting", "data": {"source": "x"}}
    values[section] = {**values.get(section, {}), **change}

    assert problems(values)


def problems(values: object) -> list[str]:
    """Check values against the schema with the few words of JSON Schema that it uses."""
    schema = json_schema()
    return list(_problems(values, schema, schema["$defs"], "$"))


def _problems(value, schema, definitions, where):
    if "$ref" in schema:
        yield from _problems(value, definitions[schema["$ref"].rsplit("/", 1)[1]], definitions, where)
        return
    if "anyOf" in schema:
        if all(list(_problems(value, part, definitions, where)) for part in schema["anyOf"]):
            yield f"{where}: none of the types"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: not in {schema['enum']}"
    yield from _type_problems(value, schema, where)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{where}: no {name}" for name in schema.get("required", ()) if name not in value)
        for key, part in value.items():
            below = known.get(key, schema.get("additionalProperties", True))
            if below is False:
                yield f"{where}: unknown {key}"
            elif isinstance(below, dict):
                yield from _problems(part, below, definitions, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        for part in value:
            yield from _problems(part, schema["items"], definitions, where)


def _type_problems(value, schema, where):
    kinds = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "object": dict,
        "array": list,
        "null": type(None),
    }
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        yield f"{where}: {value!r} is no {schema['type']}"
    elif isinstance(value, (int, float)):
        bounds = {"minimum": value.__ge__, "exclusiveMinimum": value.__gt__, "maximum": value.__le__}
        yield from (
            f"{where}: {value} {word}" for word, holds in bounds.items() if word in schema and not holds(schema[word])
        )
