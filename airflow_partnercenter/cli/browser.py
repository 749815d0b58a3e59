"""Opens the login page, where there is a browser with a window."""

import os
import sys
import webbrowser


def open_in_browser(address: str) -> bool:
    """Return whether a browser was asked to open an address.

    A browser that draws on the terminal would be in the way of the command that waits there, so none is started.
    """
    if not _has_window():
        return False
    try:
        return webbrowser.open(address, new=1)
    except (webbrowser.Error, OSError):
        return False


def _has_window() -> bool:
    desktop = sys.platform in ("darwin", "win32")
    return desktop or any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
