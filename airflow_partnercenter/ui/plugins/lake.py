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


_APP = {"app": _files(), "url_prefix": "/lake", "name": "Partner Center lake"}
_REPORT = {
    "name": "Licence report",
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
