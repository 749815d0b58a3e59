"""The charts: true to scale, broken where a count is missing, readable axes, colours that contrast."""

import itertools
import re
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_partnercenter.reports import build_license_report
from airflow_partnercenter.reports.charts import PLOT_HEIGHT, axis, bars, short_count, trend_panel
from tests.unit.reports.lake import license_frame, license_row

CSS = (resources.files("airflow_partnercenter.reports") / "templates" / "report.css").read_text()
TEXT_COLORS = ("ink", "muted", "link")
SHAPE_COLORS = ("sold", "deployed", "active", "outline", "needed", "opportunity", "fine")


def panel_of(*counts: tuple[int, int | None, int | None]) -> Any:
    """Return the panel of (day of November, sold, deployed)."""
    rows = [
        license_row(processed_date_time=datetime(2026, 11, day, tzinfo=UTC), licenses_sold=sold, licenses_deployed=used)
        for day, sold, used in counts
    ]
    return trend_panel(build_license_report({"a": license_frame(rows)}).trend)


def test_points_stand_where_their_date_and_count_say() -> None:
    """Positions are proportional to days and to seats from 0: half the seats are half the height."""
    panel = panel_of((1, 100, 50), (2, 80, 20), (11, 60, 0))
    assert panel.grid[0] == (PLOT_HEIGHT, "0")
    top = int(panel.grid[-1][1])
    assert panel.sold.points == tuple(
        (place, pytest.approx(PLOT_HEIGHT * (1 - count / top))) for place, count in ((0, 100), (10, 80), (100, 60))
    )
    assert panel.deployed.points[-1] == (100, PLOT_HEIGHT)
    assert panel.ticks[0][1:] == ("1 Nov", "start")
    assert panel.ticks[-1][1:] == ("11 Nov", "end")


def test_a_missing_count_breaks_the_line_and_is_no_zero() -> None:
    """There is no point and no stretch of line for what is not known; a value between two gaps is a point."""
    panel = panel_of((1, 9, 4), (2, 9, 4), (3, None, 4), (4, 9, 4), (5, None, 4), (6, 9, None), (7, 9, None))
    assert [path.count("L") for path in panel.sold.path.split("M")[1:]] == [1, 1]
    assert panel.deployed.path.count("M") == 1
    assert len(panel.sold.points) == 5
    assert len(panel.deployed.points) == 5
    assert panel.area.count("M") == 1


def test_a_single_date_is_a_point_in_the_middle() -> None:
    """One snapshot makes no line, and no division by a span of 0 days."""
    panel = panel_of((3, 9, 4))
    assert (panel.sold.path, panel.sold.points[0][0], panel.ticks) == ("", 50.0, ((50.0, "3 Nov", "middle"),))


def test_many_dates_are_a_line_without_beads() -> None:
    """A year of days has no points, but one that stands alone keeps its own."""
    days = pd.date_range("2026-01-01", periods=365, tz="UTC")
    rows = [
        license_row(processed_date_time=day, licenses_sold=None if n in (99, 101) else 9) for n, day in enumerate(days)
    ]
    panel = trend_panel(build_license_report({"a": license_frame(rows)}).trend)
    assert len(panel.sold.points) == 1
    assert panel.deployed.points == ()


@given(st.lists(st.integers(0, 10**13)))
def test_axes_reach_the_greatest_value_in_few_round_steps(values: list[int]) -> None:
    """From 0 in one to four equal steps of 1, 2 or 5 times a power of ten, whole seats only."""
    steps = axis(values)
    assert steps[0] == 0
    assert steps[-1] >= max(values, default=0)
    assert 2 <= len(steps) <= 5
    assert {later - earlier for earlier, later in itertools.pairwise(steps)} == {steps[1]}
    assert re.fullmatch("[125]0*", str(steps[1]))


def test_axis_numbers_stay_short() -> None:
    """Millions are written as such, smaller ones with separators."""
    assert [short_count(2_500_000, 10_000_000), short_count(2_500, 5_000)] == ["2.5 M", "2,500"]


def test_bars_are_parts_of_the_longest() -> None:
    """A bar is as long as its seats, deployed and unused together; more deployed than sold has no unused part."""
    rows = [
        {"part": 30, "whole": 80},
        {"part": 0, "whole": 40},
        {"part": 20, "whole": 10},
        {"part": None, "whole": None},
    ]
    assert [(bar.part, bar.rest) for bar in bars(rows, "part", "whole")] == [(37.5, 62.5), (0, 50), (25, 0), (0, 0)]


def palettes() -> dict[str, dict[str, str]]:
    """Return the colours of the three palettes of the style sheet."""
    found = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    ]
    assert len(found) == 3
    return dict(zip(("light", "dark", "print"), found, strict=True))


def luminance(color: str) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    parts = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_wcag_does() -> None:
    """Black on white is 21, and the grey that WCAG's own techniques name is 4.5."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("palette", ["light", "dark", "print"])
def test_text_and_shapes_contrast_with_their_ground(palette: str) -> None:
    """Text has 4.5 to 1 on page and panel, what must be seen of a chart 3 to 1 (WCAG 1.4.3 and 1.4.11)."""
    colors = palettes()[palette]
    for ground in ("page", "panel"):
        for name in TEXT_COLORS:
            assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)
    for name in SHAPE_COLORS:
        assert contrast(colors[name], colors["panel"]) >= 3, name
    # bars: each part against its neighbour
    assert contrast(colors["deployed"], colors["unused"]) >= 3
    assert contrast(colors["active"], colors["middle"]) >= 3


def test_every_colour_is_of_a_palette() -> None:
    """No rule has a colour of its own, so that light, dark and print hold for all; each palette has all colours."""
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{3,6}\b|\brgb|\bhsl", rules)
    sets = [set(colors) for colors in palettes().values()]
    assert sets[0] == sets[1] == sets[2] == set(re.findall(r"var\(--([a-z]+)\)", rules))
