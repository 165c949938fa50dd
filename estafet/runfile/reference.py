"""The run file's JSON Schema, and its reference page, both made from the models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from estafet.runfile.problems import section_of
from estafet.runfile.run import RunFile


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a run file, profiles included, for editors."""
    schema = RunFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["profiles"] = {
        "type": "object",
        "description": "Named sets of changes to this file, chosen with --profile.",
        "additionalProperties": {"type": "object"},
    }
    return schema


def reference_page() -> str:
    """Return `docs/run-file.md`: every key with its type, its default and what it means."""
    parts = [
        "# The run file\n",
        "<!-- Generated from estafet/runfile by `make docs`; edit the models, not this page. -->\n",
        "One YAML file says how raw data become a model that is served and watched. `estafet init DATA` writes one.\n"
        "Unknown keys are refused. `--set train.epochs=5` overrides one value; `--profile NAME` merges the entry NAME\n"
        "of `profiles:` over the rest of the file. `estafet schema` prints the JSON Schema for your editor.\n",
        _table(RunFile, "", sections=False),
    ]
    for name, field in RunFile.model_fields.items():
        section = section_of(field.annotation)
        if section is not None:
            parts += [f"## `{name}`\n", f"{_one_line(field.description)}\n", _table(section, f"{name}.")]
    return "\n".join(parts)


def _table(model: type[BaseModel], prefix: str, *, sections: bool = True) -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|", *_rows(model, prefix, sections)]
    return "\n".join(rows) + "\n"


def _rows(model: type[BaseModel], prefix: str, sections: bool) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        inner = section_of(field.annotation)
        is_map, is_list = (str(field.annotation).startswith(kind) for kind in ("dict", "tuple"))
        if inner is not None and not is_map and not is_list:
            if sections:
                rows += _rows(inner, f"{prefix}{name}.", sections)
            continue
        default = "required" if field.is_required() else f"`{_show(field.get_default(call_default_factory=True))}`"
        rows.append(f"| `{prefix}{name}` | {_type(model, name)} | {default} | {_one_line(field.description)} |")
        if inner is not None:
            rows += _rows(inner, f"{prefix}{name}{'[]' if is_list else '.NAME'}.", sections)
    return rows


def _show(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def _type(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()
    long_form = next(part for part in schema.get("anyOf", [schema]) if "properties" in part)
    return _type_of(long_form["properties"][name], schema.get("$defs", {})).replace("|", "\\|")


def _type_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type_of(part, definitions) for part in schema["anyOf"]))
    if "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])} {_type_of(schema['prefixItems'][0], definitions)}s"
    if schema.get("type") == "array":
        return f"list of {_type_of(schema['items'], definitions)}" if "items" in schema else "list"
    if schema.get("type") == "object":
        return "map"
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
        if key in schema
    ]
    return " ".join([schema.get("type", "any"), ", ".join(bounds)]).strip()


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
