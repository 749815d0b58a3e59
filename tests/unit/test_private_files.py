"""Files with secrets, as the disk has them."""

import os
import stat
from pathlib import Path

import pytest

from airflow_partnercenter.private_files import replace_private


def test_file_is_its_owners_alone_whatever_was_there(tmp_path: Path) -> None:
    """Mode 0600 also where the umask hides nothing and the old file was open to all; nothing is left beside it."""
    path = tmp_path / "secret.json"
    path.write_text("old and longer")
    path.chmod(0o666)
    umask = os.umask(0)
    try:
        replace_private(path, "neü")
    finally:
        os.umask(umask)
    assert path.read_bytes() == "neü".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """Text that UTF-8 cannot hold: the old file is whole, and no sibling with secrets stays behind."""
    path = tmp_path / "secret.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_private(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
