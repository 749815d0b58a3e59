"""What others may build on, item by item: names, signatures, defaults, fields, options.

``make surface`` writes it to tests/unit/public_surface.txt; what the words "public" and "breaking" mean is in
docs/releases.md.
"""

import argparse
import importlib
import inspect
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MemberDescriptorType, ModuleType
from typing import Any, NamedTuple, Unpack, get_args, get_origin

from tests.support.public_names import FOR_AIRFLOW, GIVEN, PUBLIC

REPOSITORY = Path(__file__).parents[2]
SURFACE = REPOSITORY / "tests" / "unit" / "public_surface.txt"
#: The same of the newest release; see docs/releases.md.
RELEASED = REPOSITORY / "tests" / "unit" / "public_surface_released.txt"
PACKAGE = "airflow_partnercenter"


class Item(NamedTuple):
    """One thing to build on: whose it is, its name, and all that would matter if it changed."""

    owner: str
    name: str
    detail: str


def read_surface() -> list[Item]:
    """Return the surface of the code as it is."""
    items = [item for module, names in PUBLIC.items() for item in _module_items(module, names)]
    for source in (_connection, _configuration, _provider, _command_line, _resources, _values, _distribution):
        items.extend(source())
    return sorted(items)


def to_text(items: list[Item]) -> str:
    """Return one line an item."""
    return "".join(f"{item.owner} | {item.name} | {item.detail}".rstrip() + "\n" for item in items)


def from_text(text: str) -> list[Item]:
    """Return the items of a file, without its comments."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return [Item(*(part.strip() for part in f"{line} ".split(" | ", 2))) for line in lines]


def _module_items(name: str, names: tuple[str, ...]) -> Iterator[Item]:
    module = importlib.import_module(f"{PACKAGE}.{name}")
    for public in names or getattr(module, "__all__", ()) or _defined_in(module):
        thing = getattr(module, public)
        if inspect.isclass(thing):
            yield from _class_items(f"{module.__name__}.{public}", thing)
        else:
            yield Item(module.__name__, public, _signature(thing) if callable(thing) else repr(thing))


def _defined_in(module: ModuleType) -> list[str]:
    return [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__]


def _class_items(owner: str, thing: type) -> Iterator[Item]:
    ours = [each for each in thing.__mro__ if each is thing or _is_hidden_base(each)]
    yield Item(owner, thing.__name__, f"class({', '.join(base.__name__ for base in thing.__bases__)})")
    templated = getattr(thing, "template_fields", ())
    parameters = {} if thing.__name__ in GIVEN else _parameters(ours)
    for name, parameter in parameters.items():
        detail = _parameter(parameter) + (", templated" if name in templated else "")
        yield Item(owner, f"{name}=", detail)
    if thing.__base__ is dict:  # a TypedDict has no constructor of its own
        yield from (Item(owner, name, _annotation(of)) for name, of in inspect.get_annotations(thing).items())
    for name in re.findall(r":ivar (\w+):", thing.__doc__ or ""):
        yield Item(owner, name, "attribute")
    members = {name for each in ours for name in vars(each) if not name.startswith("_")}
    for name in sorted(members - parameters.keys() - FOR_AIRFLOW):
        yield Item(owner, name, _member(inspect.getattr_static(thing, name)))


def _is_hidden_base(base: type) -> bool:
    """Return whether a base class is ours and not public itself, so that its members are the public class's own."""
    module = base.__module__.removeprefix(f"{PACKAGE}.")
    return base.__module__.startswith(PACKAGE) and (
        module not in PUBLIC or (bool(PUBLIC[module]) and base.__name__ not in PUBLIC[module])
    )


def _parameters(classes: list[type]) -> dict[str, inspect.Parameter]:
    """Return the named arguments of the constructors, those of base classes too, whose ``**kwargs`` take them."""
    found: dict[str, inspect.Parameter] = {}
    for each in classes:
        if "__init__" in vars(each):
            for name, parameter in list(inspect.signature(vars(each)["__init__"]).parameters.items())[1:]:
                if parameter.kind not in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
                    found.setdefault(name, parameter)
    return found


def _member(member: Any) -> str:
    if isinstance(member, MemberDescriptorType):
        return "attribute"
    if isinstance(member, property):
        return f"property -> {_annotation(inspect.signature(member.fget).return_annotation)}" if member.fget else ""
    if isinstance(member, (staticmethod, classmethod)):
        return f"{type(member).__name__} {_signature(member.__func__)}"
    if function := getattr(member, "func", None):  # a cached property
        return f"property -> {_annotation(inspect.signature(function).return_annotation)}"
    if inspect.isfunction(member):
        return _signature(member)
    return repr(member) if isinstance(member, (str, int, float, bool, tuple, type(None))) else type(member).__name__


def _signature(function: Callable[..., Any]) -> str:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return type(function).__name__
    shown = ", ".join(
        f"{'*' * (parameter.kind is parameter.VAR_POSITIONAL) + '**' * (parameter.kind is parameter.VAR_KEYWORD)}"
        f"{parameter.name}: {_parameter(parameter)}"
        for parameter in signature.parameters.values()
        if parameter.name not in {"self", "cls"}
    )
    return f"({shown}) -> {_annotation(signature.return_annotation)}"


def _parameter(parameter: inspect.Parameter) -> str:
    kind = "keyword " if parameter.kind is parameter.KEYWORD_ONLY else ""
    default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
    return f"{kind}{_annotation(parameter.annotation)}{default}"


def _default(value: Any) -> str:
    return repr(value) if " at 0x" not in repr(value) else type(value).__name__


def _annotation(annotation: Any) -> str:
    if get_origin(annotation) is Unpack:
        return f"Unpack[{get_args(annotation)[0].__name__}]"
    if annotation in {inspect.Parameter.empty, inspect.Signature.empty}:
        return "Any"
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    # Where a class lives is not part of it: Airflow moves its own.
    return re.sub(r"\b(?:\w+\.)+(?=[A-Za-z_])", "", text).replace("~", "")


def _connection() -> Iterator[Item]:
    from airflow_partnercenter.connection.settings import CONNECTION_FIELDS, CONNECTION_TYPE
    from airflow_partnercenter.get_provider_info import FIELD_BEHAVIOUR

    owner = f"connection {CONNECTION_TYPE}"
    for field in CONNECTION_FIELDS:
        facts = {"choices": field.choices, "default": field.default, "secret": field.secret}
        yield Item(owner, field.name, json.dumps(facts))
    for field, label in FIELD_BEHAVIOUR["relabeling"].items():
        yield Item(owner, field, label)


def _configuration() -> Iterator[Item]:
    from airflow_partnercenter.get_provider_info import get_provider_info

    for section, described in get_provider_info()["config"].items():
        for name, option in described["options"].items():
            yield Item(f"configuration [{section}]", name, f"{option['type']} = {option['default']}".rstrip())


def _provider() -> Iterator[Item]:
    from airflow_partnercenter.get_provider_info import get_provider_info

    info = get_provider_info()
    for key in ("extra-links", "cli"):
        yield from (Item("provider", path, key) for path in info[key])
    for scheme in info["asset-uris"]:
        yield from (Item("provider", name, "asset scheme") for name in scheme["schemes"])


def _command_line() -> Iterator[Item]:
    from airflow_partnercenter import cli
    from airflow_partnercenter.cli.airflow_commands import get_partner_center_commands

    parser = cli._parser()
    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name, command in commands.choices.items():
        owner = f"{parser.prog} {name}"
        yield Item(owner, name, "command")
        for action in command._actions:
            facts = [f"{'/'.join(action.option_strings) or 'argument'}", f"default {action.default!r}"]
            facts += [f"choices {list(action.choices)}"] if action.choices else []
            facts += ["required"] if action.required and action.option_strings else []
            yield Item(owner, (action.option_strings or [action.dest])[-1], ", ".join(facts))
    for group in get_partner_center_commands():
        for command in group.subcommands:
            yield Item(f"airflow {group.name}", command.name, "command")


def _resources() -> Iterator[Item]:
    from airflow_partnercenter.api.resources import RESOURCES

    for resource in RESOURCES.values():
        yield Item(f"resource {resource.name}", resource.name, resource.path)
        yield from (Item(f"resource {resource.name}", field.column, field.kind.value) for field in resource.fields)


def _values() -> Iterator[Item]:
    from airflow_partnercenter.api.clouds import CLOUDS
    from airflow_partnercenter.emulator import Emulator
    from airflow_partnercenter.expectations import EXPECTATIONS

    yield from (Item("cloud", name, "") for name in CLOUDS)
    yield from (Item("expectation", name, "") for name in EXPECTATIONS)
    yield from (Item("fault of the emulator", name, "") for name in Emulator.FAULTS)


def _distribution() -> Iterator[Item]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    owner = f"distribution {project['name']}"
    yield Item(owner, "python", project["requires-python"])
    for requirement in project["dependencies"]:
        yield Item(owner, *_name_and_rest(requirement))
    for extra, requirements in project["optional-dependencies"].items():
        yield Item(f"{owner}[{extra}]", extra, "extra")
        yield from (Item(f"{owner}[{extra}]", *_name_and_rest(requirement)) for requirement in requirements)
    for group, points in (project["entry-points"] | {"scripts": project["scripts"]}).items():
        yield from (Item(f"entry point {group}", name, path) for name, path in points.items())


def _name_and_rest(requirement: str) -> tuple[str, str]:
    name = re.match(r"[\w.-]+", requirement)
    return (name[0], requirement[name.end() :]) if name else (requirement, "")


def main() -> None:
    """Write the surface; with ``--released`` also as that of the release that is being made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--released", metavar="VERSION", help="the version that is being released")
    released = parser.parse_args().released
    text = to_text(read_surface())
    SURFACE.write_text(f"# What others may build on; written by `make surface`, explained in docs/releases.md.\n{text}")
    if released:
        RELEASED.write_text(f"# {released}\n{text}")


if __name__ == "__main__":
    main()
