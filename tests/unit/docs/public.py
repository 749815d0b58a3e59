"""What the package offers by name, as the documentation may call it."""

import ast
import importlib
import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from airflow.configuration import conf
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator, task

from airflow_partnercenter import assets, cli, exceptions, storage
from airflow_partnercenter.api.client import LicenseReader, PartnerCenterClient
from airflow_partnercenter.api.entra.auth import (
    AccessTokenCredentials,
    AppOnlyCredentials,
    AppUserCredentials,
    Certificate,
    FederatedTokenFile,
    ManagedIdentity,
    TokenStore,
    TokenStoreError,
)
from airflow_partnercenter.api.entra.certificates import read_certificate
from airflow_partnercenter.api.entra.claims import TokenClaims
from airflow_partnercenter.api.query import build_query
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.retrying import RetryPolicy
from airflow_partnercenter.connection.settings import CONNECTION_FIELDS
from airflow_partnercenter.emulator import Answer, Emulator, Request
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.links.partner_center import (
    FileLink,
    PartnerCenterLink,
    ReportLink,
    ResourceDocumentationLink,
)
from airflow_partnercenter.operators.base import PartnerCenterLicensesOperator
from airflow_partnercenter.operators.partner_center import (
    PartnerCenterLicensesToObjectStorageOperator,
    PartnerCenterListLicensesOperator,
)
from airflow_partnercenter.reports import LicenseReport, build_license_report, describe_falls, find_falls, to_csv
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor
from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesTrigger
from tests.unit.docs.pages import REPOSITORY

_CLASSES = [
    *(PartnerCenterClient, LicenseReader, AppUserCredentials, AppOnlyCredentials, AccessTokenCredentials),
    *(Certificate, FederatedTokenFile, ManagedIdentity, TokenStore, TokenStoreError, TokenClaims),
    *(Network, RetryPolicy, FileLink, ReportLink, ResourceDocumentationLink, PartnerCenterLink),
    *(Emulator, Answer, Request, LicenseReport),
]
_FUNCTIONS = [
    *(build_query, read_certificate, build_license_report, find_falls, describe_falls, to_csv),
    *(storage.open_path, storage.filesystem_of, storage.read_snapshots, storage.write_whole, storage.file_web_address),
    *(assets.resource_uri, assets.create_asset),
]
#: Names by which examples call an object of a class.
OBJECTS = {"hook": PartnerCenterHook, "client": PartnerCenterClient, "reader": LicenseReader, "emulator": Emulator}
ERRORS = {
    name: kind
    for name, kind in vars(exceptions).items()
    if isinstance(kind, type) and issubclass(kind, exceptions.PartnerCenterError)
}


def building_blocks() -> list[type]:
    """Return what DAGs are made of: each parameter of theirs has a row in a table. Needs Airflow 3."""
    from airflow_partnercenter.triggers.partner_center import PartnerCenterLicensesEventTrigger

    return [
        *(PartnerCenterHook, PartnerCenterLicensesSensor),
        *(PartnerCenterLicensesOperator, PartnerCenterListLicensesOperator),
        *(PartnerCenterLicensesToObjectStorageOperator, PartnerCenterLicensesTrigger),
        PartnerCenterLicensesEventTrigger,
    ]


def classes() -> list[type]:
    """Return all public classes but errors. Needs Airflow 3."""
    return [*building_blocks(), *_CLASSES]


@cache
def callables() -> dict[str, Callable[..., Any]]:
    """Return the public classes, their public methods, and the public functions."""
    found: dict[str, Callable[..., Any]] = {function.__name__: function for function in _FUNCTIONS}
    for kind in classes():
        found[kind.__name__] = kind
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and method.__module__.startswith("airflow_partnercenter"):
                found[f"{kind.__name__}.{name}"] = method
    return found


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters that a caller may name."""
    signature = inspect.signature(function.__init__ if isinstance(function, type) else function)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: given for name, given in signature.parameters.items() if given.kind in kinds and name != "self"}


@cache
def airflows_parameters() -> frozenset[str]:
    """Return the parameters of Airflow's own operators, sensors, DAGs and task decorator."""
    names = {name for thing in (DAG, BaseOperator, BaseSensorOperator) for name in _inherited(thing)}
    return frozenset(names | set(inspect.signature(task).parameters) | {"retry_policy", "multiple_outputs"})


@cache
def airflows_settings() -> frozenset[str]:
    """Return the keys of Airflow's configuration, of whatever section."""
    sections = conf.configuration_description.values()
    return frozenset(key for section in sections for key in section.get("options", {}))


def _inherited(kind: Any) -> Iterator[str]:
    for base in inspect.getmro(kind):
        if "__init__" in vars(base):
            yield from inspect.signature(base.__init__).parameters


def default_text(parameter: inspect.Parameter) -> str:
    """Return a default as tables have it; empty where there is none."""
    return "" if parameter.default is parameter.empty else repr(parameter.default)


def choices(name: str) -> set[str] | None:
    """Return the texts that a parameter of this name takes, or None if any of that name takes other things too."""
    found: set[str] = set()
    for function in callables().values():
        if name in parameters(function):
            try:
                hint = get_type_hints(function.__init__ if isinstance(function, type) else function).get(name)
            except NameError:
                return None
            texts = _literals(hint)
            if texts is None:
                return None
            found |= texts
    return found or None


def _literals(hint: Any) -> set[str] | None:
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    if isinstance(hint, UnionType) and all(_literals(part) or part is type(None) for part in get_args(hint)):
        return set().union(*(_literals(part) or set() for part in get_args(hint)))
    return None


@cache
def cli_options() -> dict[str, set[str]]:
    """Return each option of the command line with its default in each command that has it; empty text for none."""
    found: dict[str, set[str]] = {}
    for parser in cli_parsers().values():
        for action in parser._actions:
            default = "" if action.default in (None, False, []) else str(action.default)
            for flag in action.option_strings or [action.dest.upper()]:
                found.setdefault(flag, set()).add(default)
    return found


def cli_parsers() -> dict[str, Any]:
    """Return the parser of each command."""
    [commands] = [action for action in cli._parser()._actions if getattr(action, "choices", None)]
    return dict(commands.choices)


def make_targets() -> set[str]:
    """Return the commands of the Makefile."""
    return set(re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def extras() -> set[str]:
    """Return what may stand in brackets after the package's name."""
    return set(tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def connection_fields() -> set[str]:
    """Return the names of all fields of a connection."""
    return {"login", "password", "host", "port", "extra", "conn_type"} | {item.name for item in CONNECTION_FIELDS}


def resolve(dotted: str) -> Any:
    """Return what a dotted path names; an error if it names nothing."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


@cache
def vocabulary() -> frozenset[str]:
    """Return every word that our code uses as a name or within a text, docstrings and comments left out."""
    words = _words_below(
        "airflow_partnercenter", "dags", "tests/support", "tests/examples", "benchmarks", "docs/building"
    )
    for file in (REPOSITORY / "pyproject.toml", REPOSITORY / "Makefile", *(REPOSITORY / ".ci").iterdir()):
        words |= set(re.findall(r"\w+", file.read_text()))
    return frozenset(words)


@cache
def tests_vocabulary() -> frozenset[str]:
    """Return the same of the tests of other things than documentation."""
    return frozenset(_words_below("tests/integration", "tests/dags", "tests/system", "tests/support"))


def _words_below(*folders: str) -> set[str]:
    files = [file for folder in folders for file in (REPOSITORY / folder).rglob("*.py")]
    return set().union(*(_words(ast.parse(file.read_text())) | {file.stem} for file in files))


def _words(tree: ast.Module) -> set[str]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    words: set[str] = set()
    for node in ast.walk(tree):
        for attribute in ("id", "attr", "arg", "name", "asname", "module"):
            words |= set(re.findall(r"\w+", str(getattr(node, attribute, None) or "")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            words |= set(re.findall(r"\w+", node.value))
    return words
