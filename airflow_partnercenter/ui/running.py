"""The UI from its start to its end: what is brought up in which order, what is said, what ends it."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError
from airflow_partnercenter.get_provider_info import HTTPS_PORT, port_is_needed_for_test
from airflow_partnercenter.local_airflow import ComponentEndedError, LocalAirflow, sample_dags
from airflow_partnercenter.private_files import replace_private
from airflow_partnercenter.progress import say
from airflow_partnercenter.ui.history import write_history, write_report
from airflow_partnercenter.ui.places import choose_port, own_folder

if TYPE_CHECKING:
    from airflow_partnercenter.emulator import Emulator

_CONN_ID = "partner_center_default"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_ui(folder: Path, *, port: int | None = None, days: int = 60) -> int:
    """Run a real Airflow on loopback until a signal ends it; print its address and what to click first.

    :param folder: for all files; emptied first. The report and the logs stay there at the end, and nothing elsewhere.
    :param port: of the UI, on 127.0.0.1; None takes 8080 or, if that is taken, any free one.
    :param days: of history in the lake, at least 1.
    :return: 0 if it was ended by Ctrl-C or SIGTERM, 1 if it could not start, or a part of it ended by itself.
    """
    folder = folder.resolve()
    try:
        with _signals_interrupt():
            _run(folder, port, days)
    except KeyboardInterrupt:
        say(f"Stopped. The report and the logs stay in {folder}; the next start begins anew.")
        return 0
    except ComponentEndedError as error:
        print(f"\n{error}; so all of it was stopped. The end of {error.log}:\n\n{error.log_end}", file=sys.stderr)
    except (PartnerCenterError, ImportError, OSError) as error:
        print(f"Airflow's UI cannot run: {error}", file=sys.stderr)
    return 1


def _run(folder: Path, port: int | None, days: int) -> None:
    """Run until a signal or the end of a component, which are exceptions both."""
    from airflow_partnercenter.emulator import Emulator

    began = time.monotonic()
    _require_airflow_3()
    if days < 1:
        raise ConfigurationError(f"--days is {days}: at least 1 is needed for a report.")
    # Before the folder is emptied: who mistypes a port keeps the last report.
    chosen = choose_port(port)
    with own_folder(folder):
        say("Starting the local Partner Center (a made-up partner; TLS and sign-in included)")
        with (
            Emulator(ca_folder=folder / "emulator", history_days=max(days, 60)) as emulator,
            _airflow(folder, chosen) as airflow,
        ):
            try:
                _bring_up(airflow, emulator, folder, days)
                _explain(airflow.url, folder, days, time.monotonic() - began)
                while True:
                    airflow.require_running()
                    time.sleep(0.5)
            except KeyboardInterrupt:
                say("Stopping (a few seconds)")
                raise


def _airflow(folder: Path, port: int) -> LocalAirflow:
    lake = f"file://{folder / 'lake'}"
    return LocalAirflow(
        folder / "airflow",
        dags=sample_dags(),
        port=port,
        settings={
            "AIRFLOW__API__INSTANCE_NAME": "Partner Center",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).with_name("plugins")),
            "AIRFLOW__PARTNER_CENTER__FILE_WEB_ADDRESSES": json.dumps({lake: f"http://127.0.0.1:{port}/lake"}),
            "PARTNER_CENTER_LAKE": lake,
        },
    )


def _bring_up(airflow: LocalAirflow, emulator: "Emulator", folder: Path, days: int) -> None:
    """Start all of it; DAGs come last, as Airflow runs them at once and they need the connection and the history."""
    say(f"Preparing Airflow (SQLite), and meanwhile {days} days of snapshots")
    with airflow.migrating():
        write_history(emulator, folder / "lake", days=days)
    say("Starting Airflow: api-server, scheduler, triggerer, dag-processor")
    for name in ("api-server", "scheduler", "triggerer"):
        airflow.start(name)
    write_report(folder / "lake")
    airflow.wait_until(airflow.answers, "the API server answers")
    _add_connection(airflow, emulator, folder)
    airflow.start("dag-processor")
    airflow.wait_until(lambda: airflow.is_healthy() and _has_all_dags(airflow), "all components and DAGs are there")


def _add_connection(airflow: LocalAirflow, emulator: "Emulator", folder: Path) -> None:
    """Put the connection where a person sees it and may change it; the fields of another one are in a file."""
    fields: dict[str, Any] = emulator.connection(token_cache="variable:partner_center_token_cache")  # noqa: S106 - a name
    if port_is_needed_for_test():
        fields["port"] = HTTPS_PORT
    replace_private(folder / "connection.json", json.dumps(fields, indent=2))
    body = fields | {"connection_id": _CONN_ID, "extra": json.dumps(fields["extra"])}
    airflow.ask("POST", "/connections", json=body | {"description": "Leads to the local, made-up Partner Center"})


def _has_all_dags(airflow: LocalAirflow) -> bool:
    """Return whether each file of the sample DAGs has been read, be it in vain."""
    import requests

    files = len(list(sample_dags().glob("*.py")))
    try:
        read = [int(airflow.ask("GET", f"/{kind}")["total_entries"]) for kind in ("dags", "importErrors")]
    except requests.RequestException:  # while the files are read, SQLite may be locked for a moment
        return False
    return sum(read) >= files


def _explain(url: str, folder: Path, days: int, seconds: float) -> None:
    say(f"Ready after {seconds:.0f} s, without a login, for this machine only:\n\n    {url}\n")
    print(f"""What to click first:
  1. Report (on the left): seats sold and deployed, over {days} days
  2. Dags > partner_center_licenses_report > Trigger: today's snapshot comes in; the log of write_report has the report
  3. Admin > Connections > the pulse line in the row of {_CONN_ID}: Test signs in at the local Partner Center

For a connection of your own, take the fields from {folder / "connection.json"}
Logs are in {folder / "airflow"}. Ctrl-C stops all of it.""", flush=True)  # fmt: skip


def _require_airflow_3() -> None:
    installed = version("apache-airflow")
    if installed.startswith("2."):
        raise ConfigurationError(f"it needs Airflow 3, and this is Airflow {installed}.")


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal, and let no second one interrupt the stopping, which ends anyway."""

    def interrupt(*_: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    # What is ignored stays so: `nohup` means it.
    heeded = [
        number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT
    ]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
