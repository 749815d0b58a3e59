"""The command line's emulator, and the pytest fixture as users meet it."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from datetime import date, timedelta

import pytest
import requests

from airflow_partnercenter import cli
from airflow_partnercenter.emulator import Emulator
from tests.support.patience import PATIENCE

COMMAND = [sys.executable, "-c", "import sys; from airflow_partnercenter.cli import main; sys.exit(main())", "emulator"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_emulator_runs_until_it_is_told_to_stop(number):
    """It prints an address, a certificate and a connection that work, and ends with status 0."""
    arguments = ["--port", "0", "--customers", "3", "--today", "2026-03-01", "--max-page-size", "2"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(4)]
            connection = _connection(lines[2])
            url, bundle = connection["host"], connection["extra"]["ca_bundle"]
            assert url in lines[0]
            assert bundle in lines[1]
            form = {
                "grant_type": "refresh_token",
                "client_id": connection["login"],
                "client_secret": connection["password"],
                "refresh_token": connection["extra"]["refresh_token"],
                "scope": "https://api.partnercenter.microsoft.com/.default",
            }
            address = f"{connection['extra']['authority']}/{connection['extra']['tenant_id']}/oauth2/v2.0/token"
            token = requests.post(address, data=form, verify=bundle, timeout=PATIENCE).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = requests.get(
                f"{url}/v1/analytics/commercial/deployment/license", headers=headers, verify=bundle, timeout=5
            )
            rows = json.loads(answer.content)["Value"]
            assert len(rows) == 2
            assert date.fromisoformat(rows[0]["processedDateTime"][:10]) >= date(2026, 3, 1) - timedelta(days=4)
        finally:
            process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""
    assert not os.path.exists(bundle)


def test_busy_port_is_one_sentence():
    """No traceback, and exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 1
    assert run.stdout == ""
    assert port in run.stderr
    assert run.stderr.count("\n") == 1


def test_command_without_sub_command_explains_itself(capsys):
    """Exit status 2 and the usage, as of any command."""
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_fixture_takes_arguments_indirectly(tmp_path):
    """A user's test suite needs one line to have the fixture, and parametrisation for its arguments."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["airflow_partnercenter.emulator.pytest_plugin"]\n')
    (tmp_path / "test_users.py").write_text(
        "import pytest\n"
        "def test_default(partner_center_emulator):\n"
        "    assert len(partner_center_emulator.partner.customers) == 40\n"
        "@pytest.mark.parametrize('partner_center_emulator', [{'customers': 3}], indirect=True)\n"
        "def test_arguments(partner_center_emulator):\n"
        "    assert len(partner_center_emulator.partner.customers) == 3\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # only what the user's conftest names
    )
    assert "2 passed" in run.stdout, run.stdout + run.stderr


def _connection(line: str) -> dict:
    """Return the connection that a shell reads from the printed line."""
    word, assignment = shlex.split(line)
    name, _, value = assignment.partition("=")
    assert (word, name) == ("export", "AIRFLOW_CONN_PARTNER_CENTER_DEFAULT")
    return json.loads(value)


def test_faults_are_listed_with_a_line_each(capsys):
    """Every name that ``--fault`` takes, and what it does."""
    assert cli.main(["emulator", "--list-faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(Emulator.FAULTS)
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("text", ["nothing", "html_200:x", "html_200:1:-1", "html_200:1:2:3"])
def test_wrong_fault_is_refused_with_the_way_out(capsys, text):
    """Exit status 2 and a sentence, before anything listens."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["emulator", "--fault", text])
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


def test_faults_of_the_command_line_meet_requests():
    """``--fault NAME:TIMES:SKIP`` may be repeated; a request that meets none is answered normally."""
    arguments = ["--port", "0", "--customers", "3", "--fault", "html_502:1:1", "--fault", "status_404"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(4)]
            connection = _connection(lines[2])
            address = f"{connection['host']}/v1/customers"
            bundle = connection["extra"]["ca_bundle"]
            seen = [requests.get(address, verify=bundle, timeout=PATIENCE).status_code for _ in range(4)]
        finally:
            process.send_signal(signal.SIGTERM)
    # Without a token the normal answer is 401.
    assert seen == [401, 502, 404, 401]
