"""Texts that another party wrote, made fit for one line of a log, an error or a terminal."""

import unicodedata

#: What a terminal may obey (control characters), what is no character (surrogates), and what turns the direction of the
#: text around it, so that it reads as something else.
_OBEYED = frozenset({"Cc", "Cs"})
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: object, longest: int | None = None) -> str:
    """Return a text on one line, blanks joined, without signs that a terminal would obey.

    A line break in a name would let whoever chose the name write log lines of their own; an escape sequence would let
    them hide others.

    :param longest: characters to keep at most, with an ellipsis in the place of the rest.
    """
    joined = " ".join(str(text).split())
    if not (joined.isascii() and joined.isprintable()):
        joined = "".join(sign for sign in joined if unicodedata.category(sign) not in _OBEYED and sign not in _TURNING)
    return joined if longest is None or len(joined) <= longest else joined[: longest - 1] + "…"
