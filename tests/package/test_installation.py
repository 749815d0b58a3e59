"""The wheel in a deployment of its day: it changes nothing there, Airflow shows all of it, and it goes without a trace.

Each Airflow is installed with what was current when it came out, which is what its constraint files pin.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_partnercenter.connection.settings import CONNECTION_FIELDS
from airflow_partnercenter.get_provider_info import get_provider_info
from tests.support.artefacts import REPOSITORY, Environment, build
from tests.support.deployments import PERIODS, Period

pytestmark = pytest.mark.package
DISTRIBUTION = "airflow-provider-partnercenter"


@dataclass(frozen=True)
class Installed:
    """A deployment before and after."""

    period: Period
    environment: Environment
    files_before: set[str]
    packages_before: dict[str, str]
    refusal: str
    packages_after: dict[str, str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this tree builds."""
    return build(REPOSITORY, tmp_path_factory.mktemp("built")).wheel


#: Which periods: all, or as many as a run that has more to do takes. A version that is none fails.
CHOSEN = os.environ.get("PACKAGE_AIRFLOWS", " ".join(PERIODS)).split()


@pytest.fixture(scope="module", params=CHOSEN)
def deployment(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install Airflow as of its day, then ours with all that is there as constraints."""
    period = PERIODS[request.param]
    if period.airflow.startswith("2.") and sys.version_info >= (3, 13):
        pytest.skip("Airflow 2.11 runs on Python 3.12 at most")
    folder = tmp_path_factory.mktemp("deployment")
    environment = Environment(folder / "environment")
    as_of = ["--exclude-newer", period.day] if period.day else []
    environment.uv_pip("install", *as_of, f"apache-airflow=={period.airflow}", *period.beside)
    before, files = environment.packages(), environment.files()
    ours = f"{wheel}[{','.join(period.extras)}]"
    refusal = _refusal(environment, ours, _pins(folder, before)) if period.lifted else ""
    assert environment.packages() == before
    kept = {name: version for name, version in before.items() if name not in period.lifted}
    environment.uv_pip("install", "--constraint", _pins(folder, kept), ours)
    return Installed(period, environment, files, before, refusal, environment.packages())


def _pins(folder: Path, packages: dict[str, str]) -> Path:
    file = folder / "constraints.txt"
    file.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
    return file


def _refusal(environment: Environment, ours: str, pins: Path) -> str:
    with pytest.raises(AssertionError) as refused:
        environment.uv_pip("install", "--constraint", pins, ours)
    return str(refused.value)


def test_only_adds_packages(deployment: Installed) -> None:
    """No package of the deployment is changed or removed, but those whose pin had to be lifted."""
    before, after = deployment.packages_before, deployment.packages_after
    changed = {name for name, version in before.items() if after.get(name) != version}
    assert changed == deployment.period.lifted
    assert DISTRIBUTION in after.keys() - before.keys()
    deployment.environment.uv_pip("check")


def test_refusal_names_the_pin_that_is_in_the_way(deployment: Installed) -> None:
    """Where a pin contradicts us, an installer that must keep it changes nothing and says which one it is."""
    for name in deployment.period.lifted:
        assert name in deployment.refusal
        assert "unsatisfiable" in deployment.refusal


def test_it_works_with_what_is_there(deployment: Installed) -> None:
    """Each building block is imported, and the command starts, with the libraries of that deployment."""
    modules = ("operators.partner_center", "sensors.partner_center", "triggers.partner_center", "api.client", "storage")
    deployment.environment.run("python", "-c", "\n".join(f"import airflow_partnercenter.{name}" for name in modules))
    assert "CONN_ID" in deployment.environment.run("airflow-partnercenter", "check", "--help")


def test_airflow_shows_all_of_it(deployment: Installed) -> None:
    """``airflow providers …`` lists the hook, form, links, triggers and configuration, whichever Airflow it is."""
    script = Path(__file__).with_name("airflow_listings.py")
    shown = json.loads(deployment.environment.run("python", script, PYTHONWARNINGS="ignore"))

    def rows(command: str) -> list[str]:
        return [json.dumps(row) for row in shown[command] if "partner" in json.dumps(row)]

    [listed], [hook], [get] = rows("list"), rows("hooks"), rows("get")
    assert DISTRIBUTION in listed
    assert "airflow_partnercenter.hooks.partner_center.PartnerCenterHook" in hook
    assert "error" not in hook.lower()
    assert '"connection-type": "partner_center"' in get
    assert any("partner_center" in row for row in rows("behaviours"))
    widgets = {f"extra__partner_center__{field.name}" for field in CONNECTION_FIELDS}
    assert {name for name in widgets if any(f'"{name}"' in row for row in rows("widgets"))} == widgets
    links = get_provider_info()["extra-links"]
    assert links
    assert all(any(link in row for row in rows("links")) for link in links)
    assert any("airflow_partnercenter.triggers.partner_center" in row for row in rows("triggers"))
    assert any("max_xcom_bytes" in row for row in rows("configs"))
    if not deployment.period.airflow.startswith("2."):  # whose form is made of the widgets
        form = json.loads(
            deployment.environment.run("python", script, "form", PYTHONWARNINGS="ignore").splitlines()[-1]
        )
        assert form == {"fields": [field.name for field in CONNECTION_FIELDS], "login": "Application (client) ID"}


def test_uninstalling_leaves_what_was_there(deployment: Installed) -> None:
    """Without the package, no file of it is left, Airflow lists no such provider, and the command is gone."""
    environment = deployment.environment
    environment.uv_pip("uninstall", DISTRIBUTION)
    assert environment.packages() == {
        name: version for name, version in deployment.packages_after.items() if name != DISTRIBUTION
    }
    assert {path for path in environment.files() - deployment.files_before if "partner" in path.lower()} == set()
    script = Path(__file__).with_name("airflow_listings.py")
    assert "partner" not in environment.run("python", script, PYTHONWARNINGS="ignore").lower()
