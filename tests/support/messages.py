"""The messages that users can meet, read from the source: error classes, sentences, codes. What changes is `…`."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from airflow_partnercenter import exceptions

PACKAGE = Path(exceptions.__file__).parent

#: Everything of ours that is raised on purpose, and what of Python's and Airflow's own carries a sentence of ours.
ERRORS = {
    *(name for name, value in vars(exceptions).items() if isinstance(value, type) and issubclass(value, Exception)),
    *("TokenStoreError", "UndecodableBodyError", "AirflowFailException", "AirflowSkipException"),
    *("ImportError", "ValueError", "ArgumentTypeError"),
}
#: Methods that log one sentence.
_LOGGED = {"warning", "error", "_tell"}
_LETTERS_TO_KNOW_IT_BY = 8


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence.

    :param text: what is fixed of it; the rest is an ellipsis.
    :param where: file and line.
    """

    text: str
    where: str = field(compare=False)


def messages() -> set[Message]:
    """Return what the package raises and warns of; the emulator is another party and has its own page."""
    return {
        message
        for path in _files()
        for message in _Calls(path).found
        if len(re.findall(r"\w", message.text)) >= _LETTERS_TO_KNOW_IT_BY
    }


def texts() -> set[str]:
    """Return all text of the package's source, however it becomes part of a message."""
    found = {message.text for message in messages()}
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text())):
            found |= set(_text(node))
    return found


def _files() -> Iterator[Path]:
    return (path for path in PACKAGE.rglob("*.py") if "emulator" not in path.relative_to(PACKAGE).parts[:1])


class _Calls(ast.NodeVisitor):
    """Collects messages of one file, with an eye on the variables of the function they are in."""

    def __init__(self, path: Path) -> None:
        self.found: list[Message] = []
        self._path = path
        self._variables: list[dict[str, list[tuple[int, ast.expr]]]] = [{}]
        tree = ast.parse(path.read_text())
        self._returned = {
            function.name: [
                text for each in ast.walk(function) if isinstance(each, ast.Return) for text in _text(each.value)
            ]
            for function in tree.body
            if isinstance(function, ast.FunctionDef)
        }
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        variables: dict[str, list[tuple[int, ast.expr]]] = {}
        for each in ast.walk(node):
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                variables.setdefault(each.targets[0].id, []).append((each.lineno, each.value))
        self._variables.append(variables)
        self.generic_visit(node)
        self._variables.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "wrong" and len(node.args) == 3:
            fields = self._expanded(node.args[1]) or ["…"]
            sentences = [f"Connection …: {where} {what}." for where in fields for what in self._expanded(node.args[2])]
        elif name in ERRORS or name in _LOGGED or name == "kind":
            sentences = self._expanded(node.args[0]) if node.args else []
        else:
            sentences = []
        where = f"{self._path.relative_to(PACKAGE)}:{node.lineno}"
        self.found += [Message(_shortened(_without_percent(text)), where) for text in sentences]
        self.generic_visit(node)

    def _expanded(self, node: ast.expr) -> list[str]:
        if isinstance(node, ast.Name):
            before = [found for found in self._variables[-1].get(node.id, []) if found[0] < node.lineno]
            return list(_text(max(before, key=lambda found: found[0])[1])) if before else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._returned.get(node.func.id, [])
        return list(_text(node))


def _text(node: ast.AST | None) -> Iterator[str]:
    """Yield the texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        yield _shortened("".join(str(part) for part in parts))
    elif isinstance(node, ast.IfExp):
        yield from _text(node.body)
        yield from _text(node.orelse)


def _without_percent(text: str) -> str:
    return re.sub(r"%(?:\.\d|0\d)?[sdfo]", "…", text)


def _shortened(text: str) -> str:
    return re.sub(r"…+", "…", " ".join(text.split()))
