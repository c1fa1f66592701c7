"""What a record may hold, as a JSON schema; see ``c2f.runs.record``."""

import reprlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import fastjsonschema

SCHEMA_VERSION = 2
"""What is written; schema 1 is still read."""
_NUMBER_OR_NULL = {"type": ["number", "null"]}
_FILE = {
    "required": ["file", "sha256"],
    "properties": {
        "file": {"type": "string", "pattern": "^[A-Za-z0-9_.-]+[.]safetensors$"},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
}
_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A record of Coarse to Fine",
    "type": "object",
    "required": ["schema", "name", "kind", "parameters", "runs", "summary", "checksum"],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": 2},
        "name": {"type": "string", "pattern": "^[a-z0-9_.-]+$"},
        "kind": {"type": "string", "minLength": 1},
        "parameters": {"type": "object"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["seed", "values", "details", "environment", "files"],
                "additionalProperties": False,
                "properties": {
                    "seed": {"type": "integer", "minimum": 0},
                    "values": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}},
                    "details": {"type": "object"},
                    "files": {"type": "object", "additionalProperties": {"type": "object", **_FILE}},
                    "environment": {
                        "type": "object",
                        "required": [
                            "commit",
                            "device",
                            "finished",
                            "peak_memory_bytes",
                            "seconds",
                            "threads",
                            "versions",
                        ],
                    },
                },
            },
        },
        "summary": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["n", "mean", "sd"],
                "properties": {"n": {"type": "integer"}, "mean": {"type": "number"}, "sd": _NUMBER_OR_NULL},
            },
        },
        "checksum": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
}


def _schema_1() -> dict[str, Any]:
    """Return the schema of older records: weights and arrays of a run in fields of their own."""
    schema = deepcopy(_SCHEMA)
    schema["properties"]["schema"]["const"] = 1
    run = schema["properties"]["runs"]["items"]
    run["required"] = ["seed", "values", "details", "weights", "environment"]
    del run["properties"]["files"]
    run["properties"] |= {"weights": {"type": ["object", "null"], **_FILE}, "arrays": {"type": "object", **_FILE}}
    return schema


SCHEMAS = {1: _schema_1(), 2: _SCHEMA}
"""Version -> schema."""


def checker(schema: dict[str, Any]) -> Callable[[Any], str | None]:
    """Return a function that says where and how a content departs from ``schema``, None where it does not.

    (Where Jupyter is installed, ``jsonschema`` takes more than a second and 20 MiB to import, in every chapter: it
    builds a grammar of internationalised addresses.)
    """
    check = fastjsonschema.compile(schema)

    def departure(content: Any) -> str | None:
        try:
            check(content, name_prefix="$")
        except fastjsonschema.JsonSchemaValueException as error:
            return f"{error.message}, not {reprlib.repr(error.value)}"
        return None

    return departure
