"""What Griffe reads of the code becomes what the site shows of it."""

import re
from collections.abc import Iterator
from typing import Any

from griffe import Attribute, Class, Docstring, Expr, Extension, Module, Object, Parameter

from docs.building.markdown_text import to_markdown

_RETURN = re.compile(r"^:return: (.*?)(?=^:|^\S|\Z)", re.MULTILINE | re.DOTALL)


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
