"""docs/deploying.md: its task works, and its hosts are those of the code."""

import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import task

from airflow_partnercenter.api.clouds import CLOUDS

PAGE = (Path(__file__).parents[3] / "docs" / "deploying.md").read_text()


# --8<-- [start:check]
@task
def check_partner_center() -> str:
    """Sign in and read one row, where there is no terminal to do it from."""
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook

    works, sentence = PartnerCenterHook().test_connection()
    if not works:
        raise RuntimeError(sentence)
    return sentence


# --8<-- [end:check]


def test_task_says_what_works_and_fails_with_what_does_not(entra, connect):
    """The sentence is that of the connection test."""
    connect(entra)
    assert check_partner_center.function().endswith("and read a licence row.")
    connect(entra, refresh_token=entra.REFRESH_TOKENS["expired"])
    with pytest.raises(RuntimeError, match="sign the service account in again"):
        check_partner_center.function()


def test_hosts_to_allow_are_those_that_are_asked():
    """Each cloud has its row, and each extra of the package is named."""
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| `([\w.]+)` \|$", PAGE, re.MULTILINE)
    assert {name: (f"https://{login}", f"https://{address}") for name, login, address in rows} == {
        name: (cloud.authority, cloud.base_url) for name, cloud in CLOUDS.items()
    }
