"""Where the token cache lives between tasks: an Airflow Variable, or a file that all workers share."""

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from airflow.providers.common.compat.sdk import Variable, redact

from airflow_partnercenter.api.entra.refusals import is_unused_too_long
from airflow_partnercenter.api.entra.token_cache import TokenStore, TokenStoreError
from airflow_partnercenter.exceptions import PartnerCenterError
from airflow_partnercenter.private_files import replace_private

logger = logging.getLogger(__name__)

_LARGEST_BYTES = 1 << 20
_DESCRIPTION = "Tokens of the Microsoft Partner Center connection; written by its tasks. Deleting it costs one sign-in."


def token_store(setting: str | None) -> TokenStore | None:
    """Return the store that a connection's ``token_cache`` names; None for none.

    :param setting: ``variable:NAME`` or ``file:`` with an absolute path.
    """
    kind, _, place = (setting or "").partition(":")
    if not place:
        return None
    return VariableStore(place) if kind == "variable" else FileStore(Path(place))


def add_word_of_cache(error: PartnerCenterError, setting: str | None) -> str:
    """Return the error's sentence; where a test without the token cache cannot know how tasks fare, with a word of it.

    :param setting: the connection's ``token_cache``.
    """
    if not setting or not is_unused_too_long(error):
        return str(error)
    return (
        f"{str(error).rstrip('.')}. Tasks may still work by the newer refresh token in the token cache ({setting}), "
        "which a test never touches: their latest runs tell."
    )


class VariableStore:
    """Keeps the text in an Airflow Variable: encrypted in Airflow's database, in reach of every worker.

    Within a task or trigger of Airflow 3 it goes through the supervisor. Nothing keeps two tasks from signing in at the
    same time; of their tokens, all of which are good, the later ones stay.

    :param name: of the Variable; needs no creating beforehand.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        if redact("text to mask", name) == "text to mask":
            logger.warning(
                "The Variable %s, which holds tokens, is shown in clear by Airflow: give token_cache a name with the "
                "word token or secret in it, such as variable:partner_center_token_cache, and delete this one.",
                name,
            )

    def load(self) -> str | None:
        """Return the Variable's text, or None if there is no such Variable."""
        try:
            text = Variable.get(self._name, None)
        except Exception as error:  # whatever a secrets backend, the supervisor or the database raises
            raise TokenStoreError(
                f"it cannot be read ({type(error).__name__}): check that tasks and triggers may read it, or name a "
                "file. On Airflow 3.0 only they can."
            ) from error
        return None if text is None else str(text)

    def save(self, text: str) -> None:
        """Write the Variable, and look whether it holds now."""
        before = self.load()
        try:
            Variable.set(self._name, text, description=_DESCRIPTION)
        except Exception as error:  # as above; a script without a supervisor gets an ImportError
            raise TokenStoreError(
                f"it cannot be written ({type(error).__name__}): only tasks and triggers can write Variables, and only "
                "those kept in Airflow's own database."
            ) from error
        if before is not None and before != text and self.load() == before:
            raise TokenStoreError(
                "a secrets backend serves it, which Airflow cannot write: name a Variable that no backend serves, or a "
                "file."
            )

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep nobody out: Variables know no lock."""
        yield

    def __str__(self) -> str:
        return f"Variable {self._name}"

    def __repr__(self) -> str:
        return f"<VariableStore {self._name}>"


class FileStore:
    """Keeps the text in a file with mode 0600, which is replaced whole; a lock beside it admits one sign-in at a time.

    :param path: absolute; missing folders are made. A symbolic link stays one, and what it leads to is replaced.
    :param lock_seconds: a sign-in takes a second or so; who waits for longer signs in without waiting any more.
    """

    def __init__(self, path: Path, *, lock_seconds: float = 30.0) -> None:
        self._path = path
        self._lock_seconds = lock_seconds
        self._warned = False

    def load(self) -> str | None:
        """Return the file's text, or None if there is no file."""
        with self._explained("read"):
            try:
                # Not blocking, as opening a named pipe would wait for its writer.
                descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            with open(descriptor, encoding="utf-8") as file:
                self._check(os.fstat(descriptor))
                return file.read(_LARGEST_BYTES)

    def save(self, text: str) -> None:
        """Replace the file in one step, readable by its owner alone."""
        with self._explained("written"):
            target = Path(os.path.realpath(self._path))
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_private(target, text)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process on this file signs in; where there can be no lock, go on without one."""
        # Here, as only those who keep the cache in a file need it.
        from filelock import FileLock, Timeout

        lock = FileLock(f"{os.path.realpath(self._path)}.lock", mode=0o600)
        with contextlib.ExitStack() as stack:
            try:
                Path(lock.lock_file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                stack.enter_context(lock.acquire(timeout=self._lock_seconds))
            except (OSError, NotImplementedError, Timeout) as error:
                logger.debug("The token cache in %s is not locked: %s", self, type(error).__name__)
            yield

    def _check(self, found: os.stat_result) -> None:
        """Refuse what is no file; say so where others can read it, which the next write mends if the disk can."""
        if not stat.S_ISREG(found.st_mode):
            raise TokenStoreError("it is no file: name a file in token_cache.")
        if found.st_size > _LARGEST_BYTES:
            raise TokenStoreError("it is larger than any token cache: name another file in token_cache.")
        if found.st_mode & 0o077 and not self._warned:
            self._warned = True
            logger.warning(
                "The token cache in %s has mode %04o, so that others can read or change it: set it to 0600; a mounted "
                "share needs an option such as file_mode=0600.",
                self,
                stat.S_IMODE(found.st_mode),
            )

    @contextlib.contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        """Say what to do about what the operating system refuses."""
        try:
            yield
        except UnicodeDecodeError:
            raise TokenStoreError("it holds no text: name another file in token_cache.") from None
        except OSError as error:
            advice = {
                errno.EACCES: "let the user that runs Airflow's tasks read and write it and its folder",
                errno.EPERM: "let the user that runs Airflow's tasks read and write it and its folder",
                errno.EROFS: "name a file on a disk that can be written",
                errno.ENOSPC: "make room on its disk",
                errno.ENOTDIR: "one of its folders is a file; name another path in token_cache",
                errno.EISDIR: "name a file, not a folder, in token_cache",
            }.get(error.errno or 0, "check token_cache and the disk")
            why = os.strerror(error.errno) if error.errno else type(error).__name__
            raise TokenStoreError(f"it cannot be {done} ({why}): {advice}.") from error

    def __str__(self) -> str:
        return f"file {self._path}"

    def __repr__(self) -> str:
        return f"<FileStore {self._path}>"
