"""YAML as one reads it: a whole number is decimal, and a name stands once."""

import re
from functools import cache
from typing import Any


def load(text: str) -> Any:
    """Return what a YAML text says; only what is written in decimal, without a zero before it, is a whole number.

    PyYAML follows YAML 1.1, in which ``010`` is 8 (in YAML 1.2 it is ten) and ``1:30`` is 90: here both are texts,
    which no parameter that is a number takes. Of a name that stands twice in a mapping PyYAML keeps the last one.

    Raises:
        yaml.YAMLError: no YAML, or a name that stands twice.
    """
    import yaml

    return yaml.load(text, _loader())  # a SafeLoader


@cache
def _loader() -> Any:
    import yaml

    class Plain(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key, name in zip(node.value, names, strict=True):
                if names.count(name) > 1:
                    raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands twice", key[0].start_mark)
            found: dict[Any, Any] = super().construct_mapping(node, deep)
            return found

    whole = "tag:yaml.org,2002:int"
    Plain.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != whole]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Plain.add_implicit_resolver(whole, re.compile(r"[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
    return Plain
