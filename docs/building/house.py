"""``python -m docs.building.house``: the drawing in docs/architecture.md, from the layers that `make lint` enforces.

Each box is a module or package of ``airflow_partnercenter``, in the layer that pyproject.toml puts it in; below its
name is what its code imports of the others, and its colour says whether it imports Airflow.
"""

import ast
import textwrap
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "airflow_partnercenter"
PICTURE = REPOSITORY / "docs" / "images" / "house.svg"
_WIDTH, _EDGE, _GAP = 960, 30, 10
_LETTER, _LINE = 6.3, 14
_WITH_AIRFLOW, _WITHOUT = "#3949ab", "#00695c"
_TITLE = "The modules of airflow_partnercenter in their layers: each may import what is below it, and nothing above."


def layers() -> list[list[str]]:
    """Return the names of the modules, layer by layer, from the top."""
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [rows] = [contract["layers"] for contract in contracts if contract["name"] == "Nothing points up"]
    return [[name.strip().removeprefix(f"{PACKAGE}.") for name in row.split("|")] for row in rows]


def modules() -> set[str]:
    """Return the names of the modules and packages that there are."""
    return {path.stem for path in (REPOSITORY / PACKAGE).iterdir() if _is_module(path)} - {"__init__"}


def imports(name: str) -> tuple[set[str], set[str]]:
    """Return what a module's code imports: modules of this package, and names of other packages.

    Imports within functions count; those for type checkers alone do not.
    """
    path = REPOSITORY / PACKAGE / name
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    found = {imported for file in files for imported in _imported(ast.parse(file.read_text()))}
    inside = {parts[1] for parts in map(_parts, found) if parts[0] == PACKAGE and len(parts) > 1}
    return inside & modules() - {name}, {_parts(imported)[0] for imported in found} - {PACKAGE}


def draw() -> str:
    """Return the drawing."""
    shapes, top = [], _GAP
    for row in layers():
        width = (_WIDTH - _EDGE - _GAP * len(row)) / len(row)
        boxes = [(name, *_content(name, width)) for name in row]
        height = 34 + _LINE * max(len(lines) for _, lines, _ in boxes)
        for number, (name, lines, colour) in enumerate(boxes):
            shapes += _box(_EDGE + number * (width + _GAP), top, width, height, name, lines, colour)
        top += height + _GAP
    arrow = f'<path d="M14 {_GAP}V{top - 24}m-6 -8l6 10l6 -10" fill="none" stroke="#808080" stroke-width="2"/>'
    for number, (colour, text) in enumerate([(_WITH_AIRFLOW, "imports Airflow"), (_WITHOUT, "does not")]):
        shapes += _box(_EDGE + number * 170, top + 6, 160, 28, text, [], colour)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 44}" role="img"'
            ' font-family="sans-serif">',
            f"<title>{_TITLE}</title>",
            arrow,
            *shapes,
            "</svg>\n",
        ]
    )


def _content(name: str, width: float) -> tuple[list[str], str]:
    inside, outside = imports(name)
    text = ", ".join(sorted(inside)) if inside else "nothing of ours"
    return textwrap.wrap(text, int((width - 16) / _LETTER)), _WITH_AIRFLOW if "airflow" in outside else _WITHOUT


def _box(x: float, y: float, width: float, height: float, name: str, lines: list[str], colour: str) -> list[str]:
    size = f'x="{x:.0f}" y="{y}" width="{width:.0f}" height="{height}" rx="5"'
    middle = f"{x + width / 2:.0f}"
    rows = [
        f'<text x="{middle}" y="{y + 38 + _LINE * number}" font-size="11.5">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    return [
        f'<g fill="#fff" text-anchor="middle"><rect {size} fill="{colour}"/>',
        f'<text x="{middle}" y="{y + 20}" font-size="15" font-weight="bold">{escape(name)}</text>',
        *rows,
        "</g>",
    ]


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").exists()


def _imported(tree: ast.AST) -> Iterator[str]:
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        yield from (f"{tree.module}.{alias.name}" for alias in tree.names)
    for child in ast.iter_child_nodes(tree):
        yield from _imported(child)


def _parts(imported: str) -> list[str]:
    return imported.split(".")


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw())
