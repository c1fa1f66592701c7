"""Typed literals: the parameters that a piece of source code declares, and values put into their types.

A type is written as Python writes it: ``int``, ``float``, ``str``, ``bool``, ``list[...]`` of one of these,
and each of them with ``| None`` behind.
"""

import ast
import io
import math
import re
import tokenize
from dataclasses import dataclass
from typing import Any

_SCALARS = {"int": int, "float": float, "str": str, "bool": bool}
_EXPECTED = {"int": "a whole number", "float": "a number", "str": "a string", "bool": "true or false"}
_TYPE = re.compile(r"(?P<list>list\[)?(?P<scalar>int|float|str|bool)(?(list)\])(?P<optional> \| None)?")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


class Mismatch(ValueError):
    """A value that does not have the type wanted; the message goes behind the parameter's name."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter.

    Attributes:
        name: as the notebook calls it.
        default: its value in the notebook.
        type: ``int``, ``float``, ``str``, ``bool`` or ``list[...]`` of one, with ``| None`` where None is
            allowed.
        comment: what it is, the comment behind it.
    """

    name: str
    default: Any
    type: str
    comment: str


def convert(value: object, kind: str) -> Any:
    """Return ``value`` in the type ``kind``.

    A whole number becomes a float where one is wanted, and so does a string that is a number (YAML 1.1 reads
    ``1e-4`` as one). Nothing else changes its type: no float becomes an int, no bool a number, no number a
    string.

    Raises:
        Mismatch: saying what was expected, what came, and the remedy where there is an obvious one.
    """
    parts = _TYPE.fullmatch(kind)
    if parts is None:
        raise ValueError(f"unknown type {kind!r}")
    if value is None and parts["optional"]:
        return None
    if not parts["list"]:
        return _convert_scalar(value, parts["scalar"], kind)
    if not isinstance(value, (list, tuple)):
        raise Mismatch(f"must be {kind}, not {_shown(value)}; write [{value}] for a list of one")
    return [_convert_scalar(v, parts["scalar"], kind, f"item {i}: ") for i, v in enumerate(value)]


def _shown(value: object) -> str:
    return "None" if value is None else f"the {type(value).__name__} {value!r}"


def _convert_scalar(value: object, scalar: str, kind: str, item: str = "") -> object:
    if type(value) is _SCALARS[scalar]:
        if isinstance(value, float) and not math.isfinite(value):
            raise Mismatch(f"must be {kind}: {item}a finite number, not {value!r}")
        return value
    remedy = ""
    if scalar == "float":
        if type(value) is int:
            return float(value)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            return _convert_scalar(float(value), scalar, kind, item)
    elif scalar == "int":
        number = value
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            number = float(value)
        if isinstance(number, float) and number.is_integer():
            remedy = f"; write {int(number)}"
    elif scalar == "str" and not isinstance(value, (list, tuple, dict)) and value is not None:
        remedy = f'; put it in quotes: "{value}"'
    raise Mismatch(f"must be {kind}: {item}{_EXPECTED[scalar]}, not {_shown(value)}{remedy}")


def declared(text: str) -> dict[str, Parameter]:
    """Return the parameters that the source ``text`` declares, by name, in order.

    Each statement assigns a literal to one name, with or without an annotation, and has a comment behind it:

        epochs = 3  # passes over the training pictures
        limit: int | None = None  # use only so many pictures; None for all

    Raises:
        ValueError: anything else, starting with ``line N:``.
    """
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: not Python ({error.msg}): {(error.text or '').strip()}") from error
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    for statement in statements:
        where = f"line {statement.lineno}:"
        try:
            name, default, kind = _assignment(statement)
        except ValueError as error:
            raise ValueError(f"{where} {error}") from None
        if name in found:
            raise ValueError(f"{where} {name!r} is declared twice")
        comment = comments.get(statement.end_lineno or statement.lineno, "")
        if not comment:
            raise ValueError(f"{where} {name!r} needs a comment behind it that says what it is, and its unit")
        found[name] = Parameter(name, default, kind, comment)
    return found


def _assignment(statement: ast.stmt) -> tuple[str, Any, str]:
    simple = "name = literal (a number, a string, True or False, or a list of one of these)"
    target: ast.expr | None = None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not isinstance(target, ast.Name):
        raise ValueError(f"a parameter is declared as {simple}, not {ast.unparse(statement)!r}")
    name = target.id
    if name.startswith("_"):
        raise ValueError(f"the parameter {name!r} must not start with an underscore")
    if statement.value is None:
        raise ValueError(f"the parameter {name!r} has no default")
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        raise ValueError(f"a parameter is declared as {simple}, not {ast.unparse(statement)!r}") from None
    if isinstance(statement, ast.AnnAssign):
        kind = ast.unparse(statement.annotation)
        if not _TYPE.fullmatch(kind):
            raise ValueError(
                f"{name!r} is annotated {kind!r}; "
                "there are int, float, str, bool, list[...] of one, and '| None' behind"
            )
    else:
        kind = _type_of(name, default)
    try:
        return name, convert(default, kind), kind
    except Mismatch as mismatch:
        raise ValueError(f"the default of {name!r} {mismatch}") from None


def _type_of(name: str, default: object) -> str:
    if default is None:
        raise ValueError(f"{name!r} = None has no type; annotate it: {name}: int | None = None")
    if type(default).__name__ in _SCALARS:
        return type(default).__name__
    if not isinstance(default, list):
        raise ValueError(f"{name!r} must be a number, a string, True or False, or a list of one, not {default!r}")
    kinds = {type(item).__name__ for item in default}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    if len(kinds) != 1 or not kinds <= set(_SCALARS):
        raise ValueError(f"the items of {name!r} must have one type; annotate an empty list: {name}: list[int] = []")
    return f"list[{kinds.pop()}]"
