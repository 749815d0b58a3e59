"""The listener for the redirect URI, beside what the sign-ins of tests/integration/cli show of it."""

import subprocess
import sys

import requests

from tests.support.patience import PATIENCE

ONE_ANSWER = """
import os, sys
from airflow_partnercenter.cli.loopback import RedirectListener
sys.setswitchinterval(1e-9)  # the command goes on as soon as it may
with RedirectListener() as listener:
    print(listener.redirect_uri, flush=True)
    listener.wait(20)
    os._exit(0)
"""


def test_browser_has_its_page_before_the_command_can_end():
    """A refusal ends the command at once; the page that says so must have been sent by then."""
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", ONE_ANSWER], stdout=subprocess.PIPE, text=True) as process:
            address = process.stdout.readline().strip().replace("localhost", "127.0.0.1")
            page = requests.post(address, data={"error": "access_denied"}, timeout=PATIENCE)
            assert page.text.endswith("</html>\n")
            assert process.wait(PATIENCE) == 0
