"""`airflow-partnercenter ui` as a person meets it: started by its command, used in a browser, ended by Ctrl-C.

With UI_PICTURES set to a folder, the pictures of the README are written there: `make pictures`.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from playwright.sync_api import Page, expect

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.storage import read_snapshots
from tests.support.chromium import browser_page, needs_chromium
from tests.support.connection_form import fill_in, open_form, press_test, save, show_connections
from tests.support.patience import PATIENCE
from tests.support.ports import free_port

pytestmark = pytest.mark.airflow(">=3.1")  # the first whose menu takes the report
REPORT_DAG = "partner_center_licenses_report"


@dataclass
class RunningUi:
    """The command while it runs, and where it writes."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int
    printed: Path

    @property
    def url(self) -> str:
        """Where the UI is."""
        return f"http://127.0.0.1:{self.port}"

    def text(self) -> str:
        """Return what it has printed so far."""
        return self.printed.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until it has printed something."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.2)

    def family(self) -> list[psutil.Process]:
        """Return all processes of the command, whoever their parents are: they have its working folder."""
        return [process for process in psutil.process_iter() if _works_in(process, self.folder.parent)]

    def end(self, number: signal.Signals) -> int:
        """Send a signal to the command alone, as a terminal's Ctrl-C reaches nobody else; return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def ask(self, path: str) -> Any:
        """Ask Airflow's REST API."""
        with requests.Session() as session:
            session.trust_env = False
            token = session.get(f"{self.url}/auth/token", timeout=PATIENCE).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = session.get(f"{self.url}/api/v2{path}", headers=headers, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer.json()


def connections_of(process: psutil.Process) -> list[Any]:
    """Return what a process listens at and talks to; psutil before 6 has it under the shorter name."""
    found = process.net_connections if hasattr(process, "net_connections") else process.connections
    return list(found("inet"))


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def start(place: Path, *options: str, **environment: str) -> RunningUi:
    """Start the command without any setting of this test run, in a home of its own, and with temporary files there."""
    (place / "tmp").mkdir(parents=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    port, printed = free_port(), place / "printed.txt"
    command = [str(Path(sys.executable).with_name("airflow-partnercenter")), "ui"]
    with printed.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--folder", "ui", "--port", str(port), *options],
            env=clean | {"HOME": str(place), "TMPDIR": str(place / "tmp")} | environment,
            cwd=place,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return RunningUi(process, place / "ui", port, printed)


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUi]:
    """The UI, ready."""
    running = start(tmp_path_factory.mktemp("ui"))
    try:
        running.wait_for("Ctrl-C stops all of it.")
        yield running
    finally:
        running.process.kill()  # its Airflow ends with it
        running.process.wait()


@pytest.fixture(scope="module")
def page(ui: RunningUi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser."""
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with browser_page(profile, viewport={"width": 1200, "height": 800}, color_scheme="light") as page:
        page.goto(ui.url)
        page.get_by_text("Dag Runs").first.wait_for()  # a real text: the first page of all shows its keys for a while
        yield page


def take_picture(page: Page, name: str, *, above: Any = None) -> None:
    """Keep what the browser shows, if pictures are asked for; ``above`` is where it would cut something in two."""
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1500 if os.environ.get("UI_PICTURES") else 0)  # until nothing moves any more
    shown = page.inner_text("body")
    assert not re.search(r"\b(nav|common|components|admin|dag)[.:][a-z]+[A-Z.]", shown), "keys instead of texts"
    assert page.locator("[data-scope=toast][data-part=root]").count() == 0
    if folder := os.environ.get("UI_PICTURES"):
        box = above and above.bounding_box()
        whole = page.viewport_size or {}
        clip = {"x": 0, "y": 0, "width": whole["width"], "height": box["y"] - 8 if box else whole["height"]}
        page.screenshot(path=Path(folder) / f"{name}.png", clip=clip)


def test_it_prints_where_it_is_and_brings_history_and_connection(ui: RunningUi) -> None:
    """Address, first clicks and how to stop; 60 days lie in the lake, and the report of them is there at once."""
    assert f"    {ui.url}\n" in ui.text()
    for needed in ("What to click first:", REPORT_DAG, "partner_center_default", "Ctrl-C stops"):
        assert needed in ui.text()
    snapshots = sorted((ui.folder / "lake" / "licenses_deployment").glob("*.parquet"))
    assert len(snapshots) in (60, 61)  # today's too, once the DAG has run
    connection = ui.ask("/connections/partner_center_default")
    assert connection["host"].startswith("https://127.0.0.1:")
    assert connection["password"] == "***"
    page = requests.get(f"{ui.url}/lake/licenses_report.html", timeout=PATIENCE)
    assert "Licences sold, deployed and used" in page.text


def test_everything_listens_on_this_machine_only(ui: RunningUi) -> None:
    """No process of it answers anybody else, Airflow's servers of logs included."""
    listening = {
        connection.laddr
        for process in ui.family()
        for connection in connections_of(process)
        if connection.status == psutil.CONN_LISTEN
    }
    assert ui.port in {address.port for address in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}


@needs_chromium
@pytest.mark.airflow(">=3.2")  # before, no form knows a provider's type unless FAB is installed
def test_person_adds_a_connection_runs_the_report_and_opens_it(ui: RunningUi, page: Page) -> None:
    """Form, Test button, Trigger, success, the task's log, its link, and the report with today's numbers."""
    show_connections(page, ui.url)
    dialog = open_form(page)
    fill_in(dialog, "my_own", json.loads((ui.folder / "connection.json").read_text()))
    dialog.get_by_text("Connection Type").first.scroll_into_view_if_needed()
    take_picture(page, "connection-form", above=dialog.locator("[name=element_certificate]"))
    save(dialog)
    press_test(page, "my_own", f"Signed in to tenant {Emulator.tenant_id} (app_user)")

    page.goto(f"{ui.url}/dags/{REPORT_DAG}")
    page.get_by_role("button", name="Trigger Dag").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    page.wait_for_url(re.compile("/runs/manual"))
    run = page.url
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()

    page.goto(f"{run}/tasks/write_report")
    report = f"{ui.url}/lake/licenses_report.html"
    expect(page.get_by_text("The report: ")).to_be_visible()
    expect(page.get_by_role("link", name=report, exact=True)).to_have_attribute("href", report)

    page.goto(f"{run}/tasks/write_report/details")
    page.get_by_role("link", name="Report", exact=True).and_(page.locator(f"[href='{report}']")).click()
    page.wait_for_url(report)
    newest = list(read_snapshots((ui.folder / "lake" / "licenses_deployment").as_uri()).values())[-1]
    assert f"{newest['licenses_sold'].sum():,}" in page.inner_text("body")
    assert page.get_by_role("img", name="Seats sold and deployed").count() == 2
    take_picture(page, "report", above=page.get_by_text("Seats per service"))


@needs_chromium
def test_report_is_in_the_menu_and_the_dag_as_a_drawing(ui: RunningUi, page: Page) -> None:
    """The menu shows the report within Airflow's own page; the drawing has all tasks."""
    page.goto(f"{ui.url}/dags/{REPORT_DAG}")
    page.get_by_role("link", name="Report", exact=True).click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Licences sold, deployed and used")).to_be_visible()

    deadline = time.monotonic() + PATIENCE
    # By itself, where no person has run it before.
    while not (done := ui.ask(f"/dags/{REPORT_DAG}/dagRuns?state=success&order_by=-run_after")["dag_runs"]):
        assert time.monotonic() < deadline, ui.text()
        time.sleep(1)
    page.goto(f"{ui.url}/dags/{REPORT_DAG}/runs/{done[0]['dag_run_id']}")
    page.get_by_role("button", name="Show Graph").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    drawn = page.locator(".react-flow__node")
    expect(drawn.filter(has_text="write_report")).to_be_visible()
    expect(drawn.filter(has_text="success")).to_have_count(5)
    page.locator(".react-flow__controls-fitview").click()
    take_picture(page, "airflow-dag")


def test_dags_start_by_themselves_and_succeed(ui: RunningUi) -> None:
    """The daily ones once, those on assets by their assets; nobody's file fails to import."""
    deadline = time.monotonic() + PATIENCE
    others = ("partner_center_licenses_to_xcom", "partner_center_on_new_data", "partner_center_on_new_snapshot")
    while True:
        runs = ui.ask("/dags/~/dagRuns?limit=100")["dag_runs"]
        assert [run for run in runs if run["state"] == "failed"] == []
        if {run["dag_id"] for run in runs if run["state"] == "success" and run["run_type"] != "manual"} >= {
            REPORT_DAG,
            *others,
        }:
            break
        assert time.monotonic() < deadline, runs
        time.sleep(0.5)
    assert ui.ask("/importErrors")["import_errors"] == []


def test_second_one_in_the_same_folder_is_refused(ui: RunningUi) -> None:
    """It says so at once, and the first one goes on."""
    command = [str(Path(sys.executable).with_name("airflow-partnercenter")), "ui", "--folder", str(ui.folder)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert second.returncode == 1
    assert "Another one is running" in second.stderr
    assert ui.ask("/connections/partner_center_default")


def test_ctrl_c_leaves_nothing_behind(ui: RunningUi) -> None:
    """No process, no listening port, no temporary file: only its folder, which it names."""
    ports = [ui.port, int(ui.ask("/connections/partner_center_default")["host"].rpartition(":")[2])]
    assert len(ui.family()) > 4

    assert ui.end(signal.SIGINT) == 0

    assert ui.family() == []
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert "Traceback" not in ui.text()
    assert ui.text().rstrip().endswith(f"{ui.folder}; the next start begins anew.")
    left = {path.name for path in ui.folder.parent.iterdir()}
    assert left - {".cache", ".config"} == {"ui", "tmp", "printed.txt"}
    assert list((ui.folder.parent / "tmp").iterdir()) == []
    assert (ui.folder / "lake" / "licenses_report.html").exists()


SITECUSTOMIZE = """
import os, sys
if "triggerer" in sys.orig_argv:
    print("a triggerer's last words", flush=True)
    os._exit(3)
"""


def test_part_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The others are stopped, and the command fails."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    running = start(tmp_path / "place", "--days", "2", PYTHONPATH=str(tmp_path / "broken"))

    assert running.process.wait(PATIENCE) == 1

    assert "triggerer has ended by itself (exit status 3)" in running.text()
    assert running.text().rstrip().endswith("a triggerer's last words")
    assert running.family() == []


@pytest.mark.parametrize(
    ("number", "step"), [(signal.SIGTERM, "Preparing Airflow"), (signal.SIGKILL, "Starting Airflow")], ids=str
)
def test_other_ends_leave_no_process_either(tmp_path: Path, number: signal.Signals, step: str) -> None:
    """Told to end while it starts, it ends well; killed, it takes its Airflow with it."""
    running = start(tmp_path / "place", "--days", "2")
    running.wait_for(step)
    assert len(running.family()) > 1

    assert running.end(number) == (0 if number is signal.SIGTERM else -signal.SIGKILL)

    deadline = time.monotonic() + PATIENCE
    while running.family() and (number is signal.SIGKILL and time.monotonic() < deadline):
        time.sleep(0.2)
    assert running.family() == []
