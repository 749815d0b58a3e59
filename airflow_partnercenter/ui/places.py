"""Where the UI runs: a folder that is nobody else's, and a port that is free."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_partnercenter.exceptions import ConfigurationError

_HOST = "127.0.0.1"
_USUAL_PORT = 8080
#: Held while the UI runs. Some versions of filelock delete it at the end.
_LOCK = "airflow-partnercenter-ui.lock"
#: Its presence says that the folder is ours to empty.
_OURS = "airflow-partnercenter-ui"


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Empty a folder, and keep others out of it until the end.

    :raises ConfigurationError: another one runs there, or the folder holds something that is not ours.
    """
    from filelock import FileLock, Timeout

    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / _OURS).exists())):
        raise ConfigurationError(f"{folder} holds files of somebody else: name a new folder with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / _LOCK, timeout=0):
            (folder / _OURS).touch()
            _empty(folder)
            yield
    except Timeout:
        raise ConfigurationError(
            f"Another one is running in {folder}: end it with Ctrl-C there, or name another folder with --folder."
        ) from None


def choose_port(port: int | None) -> int:
    """Return the port asked for; if none is, the one that people know of Airflow, or else any free one.

    :raises ConfigurationError: the port asked for is taken, or is none.
    """
    if port is None:
        try:
            return _bound(_USUAL_PORT)
        except OSError:
            return _bound(0)
    try:
        return _bound(port)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"Port {port} cannot be used ({error}): name another one with --port, or none to take any free one."
        ) from error


def _bound(port: int) -> int:
    """Return the number of a port that could be listened on just now.

    :raises OSError: it could not.
    """
    with socket.socket() as probe:
        # As the server will: an address that only waits for late packets of an ended one is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((_HOST, port))
        probe.listen(1)
        number: int = probe.getsockname()[1]
    return number


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (_LOCK, _OURS):
            path.unlink()
