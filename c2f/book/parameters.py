"""Typed literals: the parameters that a piece of source code declares, and values put into their types.

A type is written as Python writes it: ``int``, ``float``, ``str``, ``bool``, ``list[...]`` of one of these,
and each of them with ``| None`` behind. What a value may be within its type stands in brackets, first in the comment:
``[1 to 1000]``, ``[above 0, at most 1]``, ``[at least 0, below pictures]`` (another parameter),
``[below test pictures of data]`` and ``[below test meshes of data]`` (of the data set that another parameter names),
``[one of raw, clamped]``, ``[not empty]``. It holds for every item of a list.
"""

import ast
import io
import math
import operator
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from c2f.common.checks import did_you_mean

_SCALARS = {"int": int, "float": float, "str": str, "bool": bool}
_EXPECTED = {"int": "a whole number", "float": "a number", "str": "a string", "bool": "true or false"}
_TYPE = re.compile(r"(?P<list>list\[)?(?P<scalar>int|float|str|bool)(?(list)\])(?P<optional> \| None)?")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_COMPARED = {"at least": operator.ge, "above": operator.gt, "at most": operator.le, "below": operator.lt}
COUNTED = re.compile(r"test (?P<what>pictures|meshes) of (?P<data>\w+)")
"""A limit that is counted in a data set; another parameter, ``data``, names it."""
_LIMIT = re.compile(
    rf"(?P<how>{'|'.join(_COMPARED)}) (?P<limit>{COUNTED.pattern}|[\w.+-]+)|(?P<low>[\w.+-]+) to (?P<high>[\w.+-]+)"
)
_NOT_EMPTY = "not empty"


class Mismatch(ValueError):
    """A value that does not have the type wanted, or is out of range; the message goes behind the parameter's name."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter.

    Attributes:
        name: as the notebook calls it.
        default: its value in the notebook.
        type: ``int``, ``float``, ``str``, ``bool`` or ``list[...]`` of one, with ``| None`` where None is
            allowed.
        comment: what it is, the comment behind it.
        limits: of numbers, (how it is compared, a number, the name of another parameter or what ``COUNTED`` fits), e.g.
            ``("below", "10")``.
        choices: of strings, all that it may be; any if empty.
        not_empty: whether a list must have an item.
    """

    name: str
    default: Any
    type: str
    comment: str
    limits: tuple[tuple[str, str], ...] = ()
    choices: tuple[str, ...] = ()
    not_empty: bool = False

    def check_range(self, value: Any, others: Mapping[str, Any]) -> None:
        """Check that ``value``, which has the parameter's type, is in its range.

        A limit that is no number holds where ``others``, values by name, give one for it.

        Raises:
            Mismatch: saying what is allowed and what came.
        """
        if self.not_empty and value == []:
            raise Mismatch("must not be empty")
        several = isinstance(value, list)
        for i, one in enumerate(value if several else [value]):
            if one is None:
                continue
            came = f"not {one!r}" + (f" (item {i})" if several else "")
            if self.choices and one not in self.choices:
                raise Mismatch(f"must be one of {', '.join(self.choices)}, {came}{did_you_mean(one, self.choices)}")
            for how, limit in self.limits:
                bound = float(limit) if _NUMBER.fullmatch(limit) else others.get(limit)
                if bound is not None and not _COMPARED[how](one, bound):
                    named = limit if _NUMBER.fullmatch(limit) else f"{limit} ({bound})"
                    raise Mismatch(f"must be {how} {named}, {came}")


def convert(value: object, kind: str) -> Any:
    """Return ``value`` in the type ``kind``.

    A whole number becomes a float where one is wanted, and so does a string that is a number (YAML 1.1 reads
    ``1e-4`` as one); the text ``null`` is None where that is allowed (papermill's ``-p`` leaves it a text). Nothing
    else changes its type: no float becomes an int, no bool a number, no number a string.

    Raises:
        Mismatch: saying what was expected, what came, and the remedy where there is an obvious one.
    """
    parts = _TYPE.fullmatch(kind)
    if parts is None:
        raise ValueError(f"unknown type {kind!r}")
    if parts["optional"] and (value is None or value == "null"):
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

    Each statement assigns a literal to one name, with or without an annotation, and has a comment behind it::

        epochs = 3  # [1 to 1000] passes over the training pictures
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
        range_text, comment = _split_range(comments.get(statement.end_lineno or statement.lineno, ""))
        if not comment:
            raise ValueError(f"{where} {name!r} needs a comment behind it that says what it is, and its unit")
        try:
            found[name] = Parameter(name, default, kind, comment, **_range(range_text, kind))
        except ValueError as error:
            raise ValueError(f"{where} the range of {name!r} {error}") from None
    defaults = {name: parameter.default for name, parameter in found.items()}
    for name, parameter in found.items():
        for _, limit in parameter.limits:
            counted = COUNTED.fullmatch(limit)
            named, kinds = (counted["data"], ("str",)) if counted else (limit, ("int", "float"))
            if not _NUMBER.fullmatch(limit) and (named not in found or found[named].type not in kinds):
                raise ValueError(f"the range of {name!r} ends at {limit!r}, which is neither a number nor one's name")
        try:
            parameter.check_range(parameter.default, defaults)
        except Mismatch as mismatch:
            raise ValueError(f"the default of {name!r} {mismatch}") from None
    return found


def _split_range(comment: str) -> tuple[str, str]:
    """Return what stands in brackets first in the comment, ``""`` if nothing does, and the rest."""
    parts = re.fullmatch(r"\[(.+?)\] *(.*)", comment)
    return (parts[1], parts[2]) if parts else ("", comment)


def _range(text: str, kind: str) -> dict[str, Any]:
    """Return the fields of ``Parameter`` that the range ``text`` of a parameter of type ``kind`` gives."""
    scalar, is_list = _TYPE.fullmatch(kind)["scalar"], kind.startswith("list[")  # type: ignore[index]
    if text.startswith("one of ") and scalar == "str":
        return {"choices": tuple(text.removeprefix("one of ").split(", "))}
    limits: list[tuple[str, str]] = []
    conditions = text.split(", ") if text else []
    for condition in conditions:
        parts = _LIMIT.fullmatch(condition)
        if parts and scalar in ("int", "float"):
            both = [("at least", parts["low"]), ("at most", parts["high"])]
            limits += both if parts["low"] else [(parts["how"], parts["limit"])]
        elif not (condition == _NOT_EMPTY and is_list):
            raise ValueError(
                f"is not understood: {condition!r}; numbers have [1 to 9], [above 0, at most 1] and the like, "
                "strings [one of a, b], lists [not empty] as well"
            )
    return {"limits": tuple(limits), "not_empty": _NOT_EMPTY in conditions}


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
