"""Docstrings that Sphinx reads as they are meant."""

import ast
import itertools
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "c2f"


def read_as_types(source):
    """Return the first lines of docstrings of public constants and properties of which napoleon takes a part for a type: what
    stands before a colon there.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", [])
        pairs = itertools.pairwise(body) if isinstance(body, list) else ()
        texts = [
            after.value.value
            for before, after in pairs
            if isinstance(before, ast.Assign | ast.AnnAssign)
            and not ast.unparse(before).startswith("_")
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ]
        public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if public and any("property" in ast.unparse(d) for d in node.decorator_list):
            texts += [ast.get_docstring(node) or ""]
        found += [line for text in texts if ":" in re.sub(r"``.*?``", "", line := text.splitlines()[0] if text else "")]
    return found


def test_no_word_of_a_constant_or_property_is_read_as_its_type():
    found = {str(path.relative_to(PACKAGE)): read_as_types(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_what_is_read_as_a_type_is_found():
    planted = 'A = 1\n"""Seconds: of a step."""\nB = 2\n"""Of ``a: b``, so many."""\n'
    planted += 'class C:\n    @property\n    def d(self):\n        """How long: in s."""\n'
    assert read_as_types(planted) == ["Seconds: of a step.", "How long: in s."]
