"""The UI's folder and port: nobody else's is touched, and what cannot work is one sentence."""

import socket
from pathlib import Path

import pytest

from airflow_partnercenter import cli
from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.ui.places import choose_port, own_folder


def test_folder_is_emptied_at_the_next_start_and_kept_at_the_end(tmp_path: Path) -> None:
    """What one left, the next one removes; links are not followed."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    folder = tmp_path / "a" / "ui"
    with own_folder(folder):
        (folder / "lake").mkdir()
        (folder / "lake" / "file").write_text("x")
        (folder / "connection.json").write_text("{}")
        (folder / "link").symlink_to(precious)
    assert (folder / "lake" / "file").exists()

    (folder / "airflow-partnercenter-ui.lock").unlink(missing_ok=True)  # as some versions of filelock do
    with own_folder(folder):
        assert {path.suffix for path in folder.iterdir()} == {"", ".lock"}
    assert (precious / "file").exists()


def test_files_of_somebody_else_are_refused(tmp_path: Path) -> None:
    """A home folder, say, is neither emptied nor written to; nor is a file a folder."""
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("x")
    for place in (tmp_path, thesis):
        with pytest.raises(ConfigurationError, match="files of somebody else: name a new folder"), own_folder(place):
            pass  # pragma: no cover
    assert list(tmp_path.iterdir()) == [thesis]


def test_folder_that_another_one_uses_is_refused(tmp_path: Path) -> None:
    """The one that runs keeps its files."""
    with own_folder(tmp_path):
        (tmp_path / "lake").mkdir()
        with pytest.raises(ConfigurationError, match="Another one is running in"), own_folder(tmp_path):
            pass  # pragma: no cover
        assert (tmp_path / "lake").exists()


def test_port_that_is_taken_is_refused_by_its_number() -> None:
    """The message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"Port {port} cannot be used .*--port"):
            choose_port(port)
    assert choose_port(port) == port


@pytest.mark.parametrize("port", [-1, 65536])
def test_port_that_is_none_is_refused(port: int) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigurationError, match=rf"Port {port} cannot be used"):
        choose_port(port)


def test_any_free_port_is_taken_where_the_usual_one_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked to choose who did not choose."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr("airflow_partnercenter.ui.places._USUAL_PORT", server.getsockname()[1])
        assert choose_port(None) not in (0, server.getsockname()[1])


@pytest.mark.airflow(">=3.0")
def test_what_cannot_work_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No history, a folder of somebody else, Airflow 2: exit status 1, no traceback, nothing started."""
    (tmp_path / "thesis.txt").write_text("x")
    assert cli.main(["ui", "--folder", str(tmp_path / "ui"), "--days", "0"]) == 1
    assert cli.main(["ui", "--folder", str(tmp_path)]) == 1
    monkeypatch.setattr("airflow_partnercenter.ui.running.version", lambda _: "2.11.2")
    assert cli.main(["ui", "--folder", str(tmp_path / "ui")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    told = printed.err.splitlines()
    assert len(told) == 3
    for line, part in zip(told, ("--days is 0", "files of somebody else", "this is Airflow 2.11.2"), strict=True):
        assert line.startswith("Airflow's UI cannot run: ")
        assert part in line
    assert not (tmp_path / "ui").exists()
