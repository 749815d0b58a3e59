"""Airflow plugin of ``airflow-partnercenter ui``: the lake's files at /lake, and the report in the menu.

Airflow loads it from this folder there, and nowhere else.
"""

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

_LAKE = os.environ["PARTNER_CENTER_LAKE"].removeprefix("file://")


def _files() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/", StaticFiles(directory=_LAKE))
    return app


def _icon(colour: str) -> str:
    """Return three bars, as an address that holds them."""
    return (
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='20' height='20' fill='none' "
        f"stroke='{colour}' stroke-width='2' stroke-linecap='round'><path d='M4 17v-5M10 17V4M16 17V9'/></svg>"
    )


_APP = {"app": _files(), "url_prefix": "/lake", "name": "Partner Center lake"}
_REPORT = {
    "name": "Report",
    "icon": _icon("%231e293b"),
    "icon_dark_mode": _icon("%23e2e8f0"),
    "href": "/lake/licenses_report.html",
    "url_route": "licence-report",
    "destination": "nav",
    "nav_top_level": True,
}


class LakePlugin(AirflowPlugin):
    """Serves the lake from the API server, as the browser does not follow a link from there to a local file."""

    name = "partner_center_lake"
    fastapi_apps: list[Any] = [_APP]  # noqa: RUF012 - as Airflow declares it
    external_views: list[Any] = [_REPORT]  # noqa: RUF012 - the same
