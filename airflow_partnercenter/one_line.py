"""Texts that another party wrote, made fit for one line of a log, an error or a terminal."""

import unicodedata

#: What a terminal may obey, what is no character, and what begins a line.
_OBEYED = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: What turns the direction of the text around it, so that it reads as something else.
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: object, longest: int | None = None) -> str:
    """Return a text on one line, blanks joined, without signs that a terminal would obey.

    A line break in a name would let whoever chose the name write log lines of their own; an escape sequence would let
    them hide others.

    :param longest: characters to keep at most, with an ellipsis in the place of the rest.
    """
    joined = " ".join(str(text).split())
    if not is_one_line(joined):
        joined = "".join(sign for sign in joined if _is_harmless(sign))
    return joined if longest is None or len(joined) <= longest else joined[: longest - 1] + "…"


def is_one_line(text: str) -> bool:
    """Return whether a text is on one line, without signs that a terminal would obey."""
    return (text.isascii() and text.isprintable()) or all(map(_is_harmless, text))


def _is_harmless(sign: str) -> bool:
    return unicodedata.category(sign) not in _OBEYED and sign not in _TURNING
