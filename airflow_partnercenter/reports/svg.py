"""matplotlib figures as SVG elements that follow the page's colours. Imports matplotlib only when it draws."""

import importlib
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from airflow_partnercenter.reports.formats import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# matplotlib wants colours, the page has variables that differ in light and dark: each stands for one of the page's.
INK, MUTED, GRID, SOLD, DEPLOYED, UNUSED = (f"#01010{number}" for number in range(1, 7))
PAGE_COLORS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    SOLD: "var(--sold)",
    DEPLOYED: "var(--deployed)",
    UNUSED: "var(--unused)",
}
PIXELS_PER_INCH = 72  # what matplotlib's SVG counts in: one unit is one CSS pixel here
STYLE = {
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.size": 13,
    "svg.fonttype": "none",
    "svg.hashsalt": "airflow_partnercenter",
    "text.color": INK,
    # A product may be called "Plan $5 or $10": not mathematics.
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def required(name: str) -> ModuleType:
    """Return a module of the extra, or say which extra brings it.

    :raises ImportError: it is not installed
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise ImportError(
            f"The report page needs {name.partition('.')[0]}, which is not installed: "
            "pip install 'airflow-provider-partnercenter[reports]'"
        ) from exc


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw in our style whatever the machine's matplotlibrc says, and leave the user's settings as they were."""
    matplotlib = required("matplotlib")
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The reader's browser has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def figure_of(width: float, height: float) -> "Figure":
    """Return an empty figure measured in CSS pixels, outside pyplot's global state."""
    figure: Figure = required("matplotlib.figure").Figure(
        figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH
    )
    return figure


def to_svg(figure: "Figure", *, name: str, label: str) -> str:
    """Return a figure as one ``<svg role="img">`` element; the same figure gives the same text.

    :param name: unique on the page, in front of every id
    :param label: what the picture shows, for those who do not see it
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - matplotlib wrote it a line above
    for parent in root.iter():
        for child in list(parent):
            # A style element inside an SVG would apply to the whole page.
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        _adapt(element, name)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    title_id = f"{name}-title"
    root.attrib.update({"class": "chart", "role": "img", "aria-labelledby": title_id, "style": _max_width(root)})
    title = ET.Element("title", {"id": title_id})
    title.text = printable(label)
    root.insert(0, title)
    return ET.tostring(root, encoding="unicode")


def _adapt(element: ET.Element, name: str) -> None:
    """Drop namespaces (HTML needs none), put ``name`` in front of ids, take over colours and font of the page."""
    element.tag = _local(element.tag)
    for key, value in list(element.attrib.items()):
        del element.attrib[key]
        if _local(key) == "id":
            value = f"{name}-{value}"
        elif _local(key) == "href":
            value = value.replace("#", f"#{name}-", 1)
        else:
            value = value.replace("url(#", f"url(#{name}-")
        if key == "style":
            value = _page_style(value)
        element.attrib[_local(key)] = value


def _page_style(style: str) -> str:
    """Replace our stand-in colours by the page's, and matplotlib's font by the page's."""
    style = re.sub(r"'DejaVu Sans'[^;]*", "system-ui, sans-serif", style)
    for stand_in, color in PAGE_COLORS.items():
        style = style.replace(stand_in, color)
    return style


def _max_width(root: ET.Element) -> str:
    """Return the style that keeps a picture from growing beyond the size its text was laid out for."""
    width = float(root.attrib["viewBox"].split()[2])
    return f"max-width: {1.25 * width:.0f}px"


def _local(name: str) -> str:
    """Return a tag or attribute name without its namespace."""
    return name.rpartition("}")[2]
