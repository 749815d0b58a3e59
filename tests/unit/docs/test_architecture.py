"""docs/architecture.md shows the house as it is."""

import re

import pytest

from docs.building import house
from tests.unit.docs.pages import REPOSITORY, Table, page

PAGE = page("docs/architecture.md")
PACKAGE = REPOSITORY / "airflow_partnercenter"
ROOMS: dict[str, list[str]] = {}
for _row in next(table for table in PAGE.tables if table.titles[0] == "room").rows:
    for _name in re.findall(r"`([\w/.]+)`", _row[0]):
        ROOMS[_name] = _row
#: Tables of files, by the folder that they are about; a row in bold begins a folder within it.
FILES: list[Table] = [table for table in PAGE.tables if table.titles[0] == "file"]


def test_drawing_is_of_this_code() -> None:
    """`python -m docs.building.house` would draw the same."""
    assert house.PICTURE.read_text() == house.draw()
    assert "](images/house.svg)" in PAGE.text


def test_drawing_has_every_module_once() -> None:
    """The layers that import-linter knows are all modules that there are."""
    drawn = [name for row in house.layers() for name in row]
    assert sorted(drawn) == sorted(house.modules())


def test_drawing_sees_imports_within_functions_and_not_those_for_type_checkers() -> None:
    """What the drawing says of three modules that are known."""
    assert house.imports("exceptions")[0] == set()
    assert "api" in house.imports("hooks")[0]
    assert {"hooks", "storage"} <= house.imports("operators")[0]
    assert "airflow" in house.imports("hooks")[1]
    assert "airflow" not in house.imports("api")[1] | house.imports("reports")[1]


def test_table_has_every_room() -> None:
    """Modules and packages of the first level, a slash after packages."""
    there = {f"{name}/" if (PACKAGE / name).is_dir() else f"{name}.py" for name in house.modules()}
    assert set(ROOMS) == there


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_it_is_said_to_know(room: str) -> None:
    """Each module that the table names is imported; Airflow and pandas where it says so."""
    inside, outside = house.imports(room.rstrip("/").removesuffix(".py"))
    said = ROOMS[room][2]
    assert set(re.findall(r"\w+", said)) & house.modules() - {"credentials"} <= inside
    assert ("airflow" in outside) or "Airflow" not in said.replace("no Airflow", "")
    assert not ("no Airflow" in said and "airflow" in outside)


@pytest.mark.parametrize(("folder", "table"), [("api", 0), ("storage", 1)])
def test_tables_of_files_have_every_file(folder: str, table: int) -> None:
    """No file is left out, and none is named that is gone; files are where the rows in bold say."""
    named, inside = set(), ""
    for row in FILES[table].rows:
        names = re.findall(r"`([\w/]+(?:\.py)?)`", row[0])
        if row[0].startswith("**"):
            inside = names[0]
        else:
            below = "" if names[0] in _at_top(folder) else inside
            named |= {f"{below}{name}" for name in names}
    there = {str(path.relative_to(PACKAGE / folder)) for path in (PACKAGE / folder).rglob("*.py")}
    assert named == {path for path in there if not path.endswith("__init__.py")}


def _at_top(folder: str) -> set[str]:
    return {path.name for path in (PACKAGE / folder).glob("*.py")}


def test_files_of_connection_are_named() -> None:
    """In the sentence that says what each is for."""
    sentence = PAGE.text.split("Inside `connection/`:", 1)[1].split("\n\n", 1)[0]
    there = {path.name for path in (PACKAGE / "connection").glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"`(\w+\.py)`", sentence)) == there
