"""The pictures of the README: there, shown, described, small, and wide enough to be read."""

import re
import struct
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
IMAGES = REPOSITORY / "docs" / "images"
SHOWN = dict(
    re.findall(r"^!\[([^\]]+)\]\((docs/images/[^)]+)\)$", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
)
TAKEN = re.findall(r'take_picture\(page, "([^"]+)"', (REPOSITORY / "tests" / "system" / "test_ui.py").read_text())


def test_pictures_that_are_taken_are_those_that_are_shown() -> None:
    """None is missing, none is left over, and each says in words what it shows."""
    assert sorted(SHOWN.values()) == sorted(f"docs/images/{name}.png" for name in TAKEN)
    assert {path.name for path in IMAGES.glob("*.png")} == {f"{name}.png" for name in TAKEN}
    assert all(len(words) > 40 for words in SHOWN)


@pytest.mark.parametrize("name", TAKEN)
def test_picture_is_small_and_can_be_read(name: str) -> None:
    """1200 pixels wide, a screen high at most, under 150 kB."""
    content = (IMAGES / f"{name}.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width == 1200
    assert 500 < height <= 800
    assert len(content) < 150_000
