"""Runs uv as the Makefile does."""

import os
import subprocess

from tests.compatibility.environments import REPOSITORY


def uv(*arguments: str, given: str | None = None) -> str:
    """Run uv without this machine's configuration, and return what it prints.

    :param given: its standard input.
    :raises subprocess.CalledProcessError: it failed; its message is on standard error.
    """
    environment = os.environ | {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.run(
        [REPOSITORY / ".venv" / "bin" / "uv", "--quiet", *arguments],
        input=given,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
