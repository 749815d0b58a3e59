"""Times on the wire become times in UTC.

Source: https://learn.microsoft.com/en-us/partner-center/developer/partner-center-analytics-resources (read 2026-11-20)
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_microseconds(text: str) -> int | None:
    """Return microseconds since 1970 in UTC, which a text without an offset is in too; None if it is no time.

    A seventh fractional digit, as .NET writes it, is dropped.
    """
    try:
        value = datetime.fromisoformat(text)
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (value - _EPOCH) // _MICROSECOND
