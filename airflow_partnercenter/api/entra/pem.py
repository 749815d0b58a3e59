"""The blocks of a PEM text, and what of them is secret; loads no cryptography, which most sign-ins have no use for."""

import re

#: A block: its label, and what is between the marks.
BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
#: Shorter parts of a key are no secret, but words such as those of its headers.
_SHORTEST_LINE = 20


def key_lines(text: str) -> list[str]:
    """Return the lines of the private keys in a PEM text, to mask each: texts are quoted in part."""
    bodies = [match[2].replace("\\n", " ") for match in BLOCK.finditer(text) if match[1].endswith("PRIVATE KEY")]
    return [line for body in bodies for line in body.split() if len(line) >= _SHORTEST_LINE]
