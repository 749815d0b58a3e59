"""The wheel and the source archive: what is in them, and that anybody builds the same bytes."""

import ast
import re
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.support.artefacts import REPOSITORY, Artefacts, Environment, build

WHEEL_BYTES_AT_MOST = 600_000
SDIST_BYTES_AT_MOST = 10_000_000
#: What may be in the package beside Python.
PACKAGE_DATA = {".bin", ".css", ".jinja", ".md", ".typed"}
#: Imported, but not asked for by name: Airflow's own, an extra's, or part of how another requirement works.
COMES_WITH = {
    "airflow": "apache-airflow",
    "asgiref": "apache-airflow",
    "attrs": "openlineage",
    "azure": "azure",
    "flask_appbuilder": "apache-airflow 2",
    "jwt": "msal",
    "numpy": "pandas",
    "openlineage": "openlineage",
    "pytest": "who tests with the emulator",
    "sqlalchemy": "apache-airflow",
    "starlette": "fastapi",
    "wtforms": "apache-airflow 2",
}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """What this tree builds."""
    return build(REPOSITORY, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def metadata(artefacts: Artefacts) -> Message:
    """The metadata of the wheel."""
    return Parser().parsestr(_member(artefacts.wheel, "METADATA"))


def _member(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as opened:
        [path] = [path for path in opened.namelist() if path.endswith(f".dist-info/{name}")]
        return opened.read(path).decode()


def _links(markdown: str) -> list[str]:
    tokens = (inner for token in MarkdownIt().parse(markdown) for inner in token.children or [])
    return [
        str(token.attrs.get("href") or token.attrs["src"]) for token in tokens if token.type in {"link_open", "image"}
    ]


def _code_blocks(markdown: str) -> list[str]:
    return re.findall(r"^```\w+\n.*?^```$", markdown, re.MULTILINE | re.DOTALL)


def test_source_archive_builds_the_same_bytes(artefacts: Artefacts, tmp_path: Path) -> None:
    """From the unpacked archive, in another folder, at another time, come the same wheel and the same archive."""
    with tarfile.open(artefacts.sdist) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    again = build(source, tmp_path / "again")
    assert again.wheel.name == artefacts.wheel.name
    assert again.wheel.read_bytes() == artefacts.wheel.read_bytes()
    assert again.sdist.read_bytes() == artefacts.sdist.read_bytes()


def test_wheel_holds_the_package_and_nothing_else(artefacts: Artefacts) -> None:
    """Each file of the package and each sample DAG is there once; no test, no bytecode, no stray file."""
    package = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "airflow_partnercenter").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    samples = {f"airflow_partnercenter/example_dags/{path.name}" for path in (REPOSITORY / "dags").glob("*.py")}
    assert "airflow_partnercenter/py.typed" in package
    assert len(samples) >= 6
    with zipfile.ZipFile(artefacts.wheel) as opened:
        inside = opened.namelist()
    assert sorted(path for path in inside if ".dist-info/" not in path) == sorted(package | samples)
    assert {Path(path).suffix for path in package} <= PACKAGE_DATA | {".py"}
    assert {Path(path).name for path in inside if ".dist-info/" in path} == {
        "LICENSE",
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
    }


def test_wheel_fits_every_platform_and_is_small(artefacts: Artefacts) -> None:
    """One wheel for all; who adds a picture or a data set to it hears of it here."""
    assert artefacts.wheel.name == f"airflow_provider_partnercenter-{_version()}-py3-none-any.whl"
    assert "Root-Is-Purelib: true" in _member(artefacts.wheel, "WHEEL")
    assert artefacts.wheel.stat().st_size <= WHEEL_BYTES_AT_MOST
    assert artefacts.sdist.stat().st_size <= SDIST_BYTES_AT_MOST


def _version() -> str:
    from airflow_partnercenter import __version__

    return __version__


def test_metadata_says_what_an_index_shows(metadata: Message) -> None:
    """Name, version, licence, Python and Airflow; in a form that tools of a year ago read too."""
    assert metadata["Metadata-Version"] == "2.4"
    assert metadata["Name"] == "airflow-provider-partnercenter"
    assert metadata["Version"] == _version() == version("airflow-provider-partnercenter")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Summary"]
    assert {
        "Framework :: Apache Airflow",
        "Framework :: Apache Airflow :: Provider",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    } <= set(metadata.get_all("Classifier", []))
    assert any("learn.microsoft.com" in url for url in metadata.get_all("Project-URL", []))
    assert set(metadata.get_all("Provides-Extra", [])) == {"azure", "emulator", "gcs", "openlineage", "reports", "s3"}


def test_no_dependency_has_an_upper_bound(metadata: Message) -> None:
    """An upper bound would hold back the deployment that we are installed into."""
    requirements = metadata.get_all("Requires-Dist", [])
    assert len(requirements) > 12
    assert [line for line in requirements if re.search(r"<|==|~=", line.split(";")[0])] == []


def test_what_is_imported_is_required(metadata: Message) -> None:
    """A library that only happens to be there, as something else needs it today, may be gone tomorrow."""
    required = {re.split(r"[^\w-]", line)[0] for line in metadata.get_all("Requires-Dist", [])}
    trees = [ast.parse(file.read_text()) for file in (REPOSITORY / "airflow_partnercenter").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    imported = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"airflow_partnercenter"}
    assert imported - required == COMES_WITH.keys()


def test_entry_points_are_the_provider_and_the_command(artefacts: Artefacts) -> None:
    """Airflow finds the provider, a shell finds the command, and nothing else is registered."""
    lines = [line for line in _member(artefacts.wheel, "entry_points.txt").splitlines() if line]
    assert sorted(lines) == [
        "[apache_airflow_provider]",
        "[console_scripts]",
        "airflow-partnercenter = airflow_partnercenter.cli:main",
        "provider_info = airflow_partnercenter.get_provider_info:get_provider_info",
    ]


def test_long_description_is_the_readme_without_dead_links(metadata: Message) -> None:
    """An index shows the README: its code untouched, no link that only works in the repository."""
    readme = (REPOSITORY / "README.md").read_text()
    shown = metadata.get_payload()
    assert isinstance(shown, str)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert [link for link in _links(readme) if not link.startswith(("https://", "#"))]
    assert [link for link in _links(shown) if not link.startswith(("https://", "#"))] == []
    assert _code_blocks(shown) == _code_blocks(readme)
    assert "in the source archive" in shown


def test_uninstalling_leaves_no_trace(artefacts: Artefacts, tmp_path: Path) -> None:
    """After use, so with bytecode beside the modules, every file goes: package, metadata, command."""
    environment = Environment(tmp_path / "environment")
    before = environment.files()
    environment.uv_pip("install", "--offline", "--no-deps", artefacts.wheel)
    environment.run("python", "-c", "import airflow_partnercenter.exceptions", PYTHONDONTWRITEBYTECODE="")
    added = environment.files() - before
    assert any(path.endswith("bin/airflow-partnercenter") for path in added)
    assert any("__pycache__" in path for path in added)
    environment.uv_pip("uninstall", "airflow-provider-partnercenter")
    assert environment.files() == before
