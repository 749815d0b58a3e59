"""Numbers as Partner Center writes them: ``206``, ``206.0`` or ``"63"``. Nothing is guessed or rounded."""

import re
from decimal import Decimal
from typing import Any

INT64 = range(-(2**63), 2**63)

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
    real_number(value)
    # As text, so that 9007199254740993.0 is not rounded; a float of JSON has been by whoever wrote it.
    number = Decimal(value) if isinstance(value, str) else value
    count = int(number)
    if count != number or count not in INT64:
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
