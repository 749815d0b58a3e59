"""What the emulator promises before it runs: light imports, plain errors, the fixtures beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_partnercenter.emulator import Emulator, documented
from tests.support.patience import PATIENCE

FIXTURES = Path(__file__).parents[2] / "fixtures"


def _python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_importing_the_emulator_loads_no_server_and_no_pytest():
    """A DAG file or a command line that only mentions the emulator stays light, and needs no extra."""
    loaded = _python(
        "import sys, airflow_partnercenter.emulator, airflow_partnercenter.cli\n"
        "heavy = ('fastapi', 'uvicorn', 'trustme', 'pytest', 'airflow', 'requests')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert loaded.stdout.strip() == "[]", loaded.stderr


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "trustme"])
def test_missing_extra_is_named_in_one_sentence(missing):
    """Whoever lacks the extra reads which command brings it."""
    run = _python(
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from airflow_partnercenter.emulator import Emulator\n"
        "try: Emulator().start()\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install 'airflow-provider-partnercenter[emulator]'" in run.stdout, run.stderr
    assert missing in run.stdout


@pytest.mark.parametrize("command", [["emulator", "--port", "0"], ["demo"]], ids=["emulator", "demo"])
def test_command_without_the_extra_says_the_same_and_no_port(command, tmp_path):
    """The port is not what is wrong, and a traceback helps nobody."""
    folder = ["--folder", str(tmp_path)] if command == ["demo"] else []
    run = _python(
        "import sys; sys.modules['trustme'] = None\n"
        "from airflow_partnercenter.cli import main\n"
        f"sys.exit(main({command + folder!r}))"
    )
    assert run.stderr == "The emulator needs trustme: pip install 'airflow-provider-partnercenter[emulator]'\n"
    assert run.returncode == 1


def test_fixture_is_found_in_the_package_too():
    """It comes without a plugin declaration; any other unknown name is an error."""
    from airflow_partnercenter import emulator
    from airflow_partnercenter.emulator.pytest_plugin import partner_center_emulator

    assert emulator.partner_center_emulator is partner_center_emulator
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = emulator.no_such_name


def test_address_of_a_stopped_emulator_is_a_clear_error():
    """Nobody gets half an address."""
    with pytest.raises(RuntimeError, match="not running"):
        _ = Emulator().base_url


def test_special_refresh_tokens_cannot_be_changed():
    """They are shared by all emulators of a process."""
    with pytest.raises(TypeError):
        Emulator.REFRESH_TOKENS["expired"] = "other"
    assert all(len(token) > 200 for token in Emulator.REFRESH_TOKENS.values())
    assert len(Emulator.client_secret) > 20


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("partner_licenses_deployment", 487),
        ("partner_licenses_usage", 1156),
        ("customer_licenses_deployment", 1012),
        ("customer_licenses_usage", 1726),
    ],
)
def test_documented_bodies_have_the_length_their_page_prints(name, length):
    """The byte order mark is among these bytes."""
    assert len(documented.body(name)) == length
    assert documented.body(name).startswith(b"\xef\xbb\xbf{")


def test_fixture_percents_are_shares_of_whole_seats():
    """Each percentage of the fixture belongs to exactly one number of seats: percent points, not fractions."""
    items = json.loads((FIXTURES / "counts_as_floats_deployment.json").read_bytes())["items"]
    for item in items:
        sold = int(item["licensesSold"])
        seats = [n for n in range(sold + 1) if round(100 * n / sold, 2) == item["proratedDeploymentPercent"]]
        assert len(seats) == 1
    usage = json.loads((FIXTURES / "counts_as_floats_usage.json").read_bytes())["items"]
    sold = int(items[1]["licensesSold"])
    for item in usage[1:]:
        assert any(round(100 * n / sold, 2) == item["proratedLicensesUsagePercent"] for n in range(sold + 1))
