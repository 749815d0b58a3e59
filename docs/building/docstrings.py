"""Docstrings are written for Sphinx, as Airflow's are; the site's pages are Markdown."""

import re
from collections.abc import Iterator
from typing import Any

from griffe import Attribute, Class, Docstring, Expr, Extension, Module, Object, Parameter

#: ``:class:`~package.module.Name` ``
_ROLE = re.compile(r":(?:class|meth|func|mod|attr|exc|data):`(~?)([\w.]+)`")
_RETURN = re.compile(r"^:return: (.*?)(?=^:|^\S|\Z)", re.MULTILINE | re.DOTALL)
_SOURCE = re.compile(r"^Source: .*?(?=^$|\Z)", re.MULTILINE | re.DOTALL)


class ReadableDocstrings(Extension):
    """Turns what Markdown does not know: roles into links, ``::`` before a block of code into a colon."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Show a default as its value, where the code names a constant."""
        for thing in _members(pkg):
            if thing.is_function:
                for parameter in thing.parameters:
                    parameter.default = _value(parameter, pkg)

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)

    def on_class_instance(self, *, cls: Class, **_: Any) -> None:
        """Say what a task returns before its parameters; as a field it would be that of a function without a type."""
        if cls.docstring and (returns := _RETURN.search(cls.docstring.value)):
            rest = cls.docstring.value.replace(returns[0], "")
            cls.docstring.value = rest.replace(":param", f"**Returns:** {' '.join(returns[1].split())}\n\n:param", 1)

    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        """Take the comment ``#: …`` above an attribute for its docstring, as Sphinx does."""
        if attr.docstring or attr.lineno is None:
            return
        comment: list[str] = []
        for line in reversed(attr.lines_collection[attr.filepath][: attr.lineno - 1]):
            if not line.strip().startswith("#: "):
                break
            comment.insert(0, line.strip().removeprefix("#: "))
        if comment:
            attr.docstring = Docstring(to_markdown(" ".join(comment)), parent=attr)


def _members(thing: Any) -> Iterator[Any]:
    for member in thing.members.values():
        if not member.is_alias:
            yield member
            yield from _members(member)


def _value(parameter: Parameter, package: Module) -> Any:
    """Return a default, or the value of the constant it is; one of another package stays a name."""
    default = parameter.default
    path = default.canonical_path if isinstance(default, Expr) else ""
    while path.startswith(f"{package.path}."):
        found = package.modules_collection[path]
        found = found.final_target if found.is_alias else found
        if not found.is_attribute or found.value is None:
            break
        default, path = found.value, getattr(found.value, "canonical_path", "")
    return default


def to_markdown(text: str) -> str:
    """Return a docstring's text as Markdown."""
    if (source := _SOURCE.search(text)) and ":" in text[: source.start()]:
        text = text.replace(source[0], "").replace("\n:", f"\n{source[0]}\n\n:", 1)
    return re.sub(r"(?<=\w)::$", ":", _ROLE.sub(_to_link, re.sub(r"^::$", "", text, flags=re.M)), flags=re.M)


def _to_link(role: re.Match[str]) -> str:
    """Return a link where the site has the name, else its text alone."""
    short, name = role.groups()
    text = f"<code>{name.rpartition('.')[2] if short else name}</code>"
    return f'<autoref optional identifier="{name}">{text}</autoref>' if "." in name else text
