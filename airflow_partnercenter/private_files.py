"""Files that hold secrets: readable by their owner alone from the first byte on, and replaced whole."""

import os
import tempfile
from pathlib import Path


def replace_private(path: Path, text: str) -> None:
    """Put a file with mode 0600 in the place of ``path``, in one step; a reader sees the old one or the new one.

    :param path: in a folder that exists; a symbolic link is itself replaced.
    :raises OSError: it cannot be written; what was there before is as it was.
    """
    # mkstemp gives 0600 from the start, whatever the umask.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
