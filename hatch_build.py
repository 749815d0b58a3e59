"""What a package index shows of the project: the README, without the links that lead nowhere but in the repository."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"!\[[^\]]*\]\((?!https://)[^)]+\)\n*")
_LINK = re.compile(r"\[([^\]]+)\]\((?!https://|#)[^)]+\)")
_WHERE_PAGES_ARE = "\nThe pages of the documentation are in the source archive, under `docs/`.\n"


class LongDescription(MetadataHookInterface):
    """Sets ``readme``: an index would resolve a relative link against its own address."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Keep a link's text and drop its target, unless that is an address; a picture goes as a whole."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _LINK.sub(r"\1", _PICTURE.sub("", readme)) + _WHERE_PAGES_ARE,
        }
