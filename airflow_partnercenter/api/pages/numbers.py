"""Numbers as Partner Center writes them: ``206``, ``206.0`` or ``"63"``. Nothing is guessed or rounded."""

import re
from typing import Any

INT64 = range(-(2**63), 2**63)

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_JSON_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def whole_number(value: Any) -> int:
    """Read a count, served as ``206``, ``206.0`` or ``"63"``.

    :raises TypeError, ValueError, OverflowError: it is none, or does not fit 64 bits.
    """
    number = real_number(value)
    exact = isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value))
    count = int(value) if exact else int(number)
    if count not in INT64 or (count != number and abs(number) < 2**53):
        raise ValueError(value)
    return count


def real_number(value: Any) -> float:
    """Read a number; NaN, infinities, true and false are none.

    :raises TypeError, ValueError, OverflowError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(value)
    number = float(value)
    if not abs(number) < float("inf"):
        raise ValueError(value)
    return number


def kind_of(value: object) -> str:
    """Return in words what a JSON value is."""
    return _JSON_KINDS.get(type(value), type(value).__name__)
