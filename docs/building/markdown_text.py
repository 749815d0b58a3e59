"""Docstrings are written for Sphinx, as Airflow's are; the site's pages are Markdown. Imports nothing of the site."""

import re

#: ``:class:`~package.module.Name` ``
_ROLE = re.compile(r":(?:class|meth|func|mod|attr|exc|data):`(~?)([\w.]+)`")
_SOURCE = re.compile(r"^Source: .*?(?=^$|\Z)", re.MULTILINE | re.DOTALL)


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
