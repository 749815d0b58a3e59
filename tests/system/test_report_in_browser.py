"""The report as a manager sees it: in a browser, wide and narrow, without a network."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.reports import build_license_report
from tests.support.chromium import browser_page, needs_chromium

TODAY = date(2026, 11, 22)
# What lies right of the page, and is not inside a wrapper that scrolls by itself.
OVERFLOWING = """() => [...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    const scrolls = node => node && (['auto', 'scroll'].includes(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
    return box.width > 0 && box.right > window.innerWidth + 1 && !scrolls(element);
}).map(element => element.outerHTML.slice(0, 80))"""  # noqa: E501 - JavaScript

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def snapshots() -> dict[str, pd.DataFrame]:
    """Two weeks of the emulated partner."""
    import json

    with pytest.MonkeyPatch.context() as patch, Emulator(today=TODAY) as emulator:
        patch.setenv("AIRFLOW_CONN_PARTNER_CENTER_DEFAULT", json.dumps(emulator.connection()))
        hook, frames = PartnerCenterHook(), {}
        for age in reversed(range(14)):
            emulator.today = TODAY - timedelta(days=age)
            frames[f"{emulator.today}.parquet"] = hook.get_df("licenses_deployment")
    return frames


@pytest.fixture(scope="module")
def report(snapshots: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as a file."""
    path = tmp_path_factory.mktemp("report") / "licenses_report.html"
    path.write_text(build_license_report(snapshots).to_html(), encoding="utf-8")
    return path


@pytest.fixture
def page(request: Any, tmp_path: Path) -> Iterator[Page]:
    """A browser window of the width and colour scheme that the test asks for."""
    width, scheme = request.param
    with browser_page(tmp_path / "profile", viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        yield page


@pytest.mark.parametrize("page", [(1280, "light"), (820, "dark"), (390, "light")], indirect=True, ids=str)
def test_report_fits_the_window_and_fetches_nothing(page: Page, report: Path) -> None:
    """Nothing sticks out, no error is logged, and the file alone is the page."""
    fetched: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(report.as_uri())

    assert fetched == [report.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("page", [(1280, "light")], indirect=True, ids=str)
def test_headline_numbers_are_those_of_the_newest_snapshot(
    page: Page, report: Path, snapshots: dict[str, pd.DataFrame]
) -> None:
    """What the page shows first is the plain sum of the newest file's rows."""
    page.goto(report.as_uri())
    newest = snapshots[f"{TODAY}.parquet"]
    shown = page.inner_text("body")
    for total in (newest["licenses_sold"].sum(), newest["licenses_deployed"].sum()):
        assert f"{total:,}" in shown
    charts = page.locator("figure svg[role=img]:visible")
    assert charts.count() == 2  # the trend of the services, and the products
    assert all(chart.bounding_box()["height"] > 100 for chart in charts.all())  # type: ignore[index]
