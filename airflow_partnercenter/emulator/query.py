"""The query language of the newer licence endpoints: filter, groupby, top, skip and processedDateTime.

What Microsoft's page does not document is refused with a fault that names the problem: a client's mistake must show.

Source: https://learn.microsoft.com/en-us/partner-center/developer/get-licenses-deployment-information
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime

from airflow_partnercenter.emulator.faults import INVALID_PROPERTY, FaultError
from airflow_partnercenter.emulator.partner import Kind, Row

Predicate = Callable[[Row], bool]

DEPLOYMENT_FIELDS = (
    "serviceCode",
    "serviceName",
    "channel",
    "customerTenantId",
    "customerName",
    "productId",
    "productName",
)
# what both filter and groupby take
FIELDS: dict[Kind, tuple[str, ...]] = {
    "deployment": DEPLOYMENT_FIELDS,
    "usage": ("workloadCode", "workloadName", *DEPLOYMENT_FIELDS),
}
LARGEST_TOP = 10_000
_TOKEN = re.compile(r"\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<word>\w+)|(?P<other>\S))")


def filtered(rows: Sequence[Row], expression: str, kind: Kind) -> list[Row]:
    """Return the rows that a filter expression keeps, in their order.

    Only ``eq`` and ``ne``, joined by ``and`` (binds tighter) and ``or``; strings in single quotes, a quote doubled.
    Values are compared without regard to case: the page's examples write ``'O365'`` where the service answers ``o365``.

    :raises FaultError: the expression has anything else.
    """
    words = [_word(match) for match in _TOKEN.finditer(expression.rstrip())]
    choices: list[list[Predicate]] = [[]]
    while True:
        choices[-1].append(_comparison(words[:3], kind))
        joint, words = words[3:4], words[4:]
        if not joint:
            break
        if joint[0] not in ("and", "or"):
            raise _invalid("filter", f"'and' or 'or' is expected, not {joint[0]!r}")
        if joint[0] == "or":
            choices.append([])
    return [row for row in rows if any(all(holds(row) for holds in choice) for choice in choices)]


def _word(match: re.Match[str]) -> str:
    """Return a token of a filter; a string keeps its opening quote, so that it is not taken for a name."""
    if (text := match["text"]) is not None:
        return "'" + text.replace("''", "'")
    return str(match["word"] or match["other"].replace("'", "unclosed quote"))


def _comparison(words: Sequence[str], kind: Kind) -> Predicate:
    """Return the test that three tokens stand for: field, operator, string."""
    if len(words) < 3:
        raise _invalid("filter", "a comparison is incomplete; write field eq 'value'")
    field, operator, value = words
    if field not in FIELDS[kind]:
        raise _invalid("filter", f"field {field!r} is not one of {', '.join(FIELDS[kind])}")
    if operator not in ("eq", "ne"):
        raise _invalid("filter", f"operator {operator!r} is not eq or ne")
    if not value.startswith("'"):
        raise _invalid("filter", f"{value!r} is not a string in single quotes")
    wanted, equal = value[1:].casefold(), operator == "eq"
    return lambda row: (str(row.get(field)).casefold() == wanted) is equal


def grouped(rows: Sequence[Row], groupby: str, kind: Kind, counts: Sequence[str]) -> list[Row]:
    """Return one row for each combination of the fields named: these fields and the summed counts, nothing else.

    :raises FaultError: a field cannot be grouped by.
    """
    fields = [field.strip() for field in groupby.split(",")]
    for field in fields:
        if field not in FIELDS[kind]:
            raise _invalid("groupby", f"field {field!r} is not one of {', '.join(FIELDS[kind])}")
    sums: dict[tuple[str | int | None, ...], list[int]] = {}
    for row in rows:
        totals = sums.setdefault(tuple(row[field] for field in fields), [0] * len(counts))
        for place, count in enumerate(counts):
            totals[place] += int(row[count] or 0)
    return [dict(zip([*fields, *counts], [*key, *totals], strict=True)) for key, totals in sums.items()]


def whole_number(name: str, text: str | None, default: int, lowest: int, highest: int | None = None) -> int:
    """Return a count from the query string.

    :raises FaultError: it is not a whole number, or outside its limits.
    """
    if text is None:
        return default
    number = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1
    if number < lowest or (highest is not None and number > highest):
        limits = f"from {lowest} to {highest}" if highest is not None else f"of {lowest} or more"
        raise _invalid(name, f"{text!r} is not a whole number {limits}")
    return number


def processed_date(text: str | None) -> date | None:
    """Return the day that ``processedDateTime`` asks for, None if it does not.

    :raises FaultError: it is no ISO 8601 date or date with time.
    """
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise _invalid("processedDateTime", f"{text!r} is not a date") from None


def _invalid(name: str, problem: str) -> FaultError:
    """Return the fault for a parameter."""
    return FaultError(INVALID_PROPERTY, f"{name}: {problem}.")
