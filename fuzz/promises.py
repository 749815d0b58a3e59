"""What every reader promises of its errors and log lines, whatever it is given."""

import logging
import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_partnercenter.exceptions import PartnerCenterError

T = TypeVar("T")

#: Planted where a secret belongs; must not come out anywhere.
SECRET = "Canary7f3b9e51d0"  # noqa: S105 - made up
#: A sentence of ours, with 400 characters of another's and lists of names in it.
LONGEST_MESSAGE = 6_000


def result_or_error(work: Callable[[], T]) -> T | PartnerCenterError:
    """Return what ``work`` returns, or the error of ours that it raises; any other exception is a finding."""
    try:
        return work()
    except PartnerCenterError as error:
        require_printable(str(error))
        return error


def require_printable(message: str) -> None:
    """Raise unless a message is one line for a log: bounded, and without what a terminal would obey."""
    assert len(message) <= LONGEST_MESSAGE, f"a message of {len(message)} characters"
    odd = {sign for sign in message.replace("\n    ", "") if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}}
    assert not odd, f"control characters {odd!r} in {message!r}"
    assert SECRET not in message, f"a secret in {message!r}"


class _LogWatch(logging.Handler):
    """Holds log lines to the same promise."""

    def emit(self, record: logging.LogRecord) -> None:
        require_printable(record.getMessage())


def watch_logs() -> None:
    """Check each line that the package logs from now on, and print none."""
    logger = logging.getLogger("airflow_partnercenter")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers = [_LogWatch()]
    logging.getLogger("msal").disabled = True


def text_of(data: bytes) -> str:
    """Return bytes as text."""
    return data.decode("utf-8", "replace")


def is_plain(value: Any) -> bool:
    """Return whether a value is plain JSON, to the last number: no NaN, no infinity, no lone surrogate."""
    import json

    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return True
