"""A person at a browser, by plain HTTP: opens a page, fills in its form, follows where it leads."""

import io
import re
import threading
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin

import requests

from tests.support.patience import PATIENCE

_ADDRESS = re.compile(r"https://\S+/authorize\?\S+")
_DEVICE = re.compile(r"open (https://\S+) and enter the code (\S+)")


class HttpBrowser:
    """Keeps to what a browser does with plain forms; sends the form of ``form_post`` by itself."""

    def __init__(self, ca_bundle: str) -> None:
        self._ca_bundle = ca_bundle

    def sign_in(self, address: str, **choices: str | None) -> requests.Response:
        """Open a login page, fill in its form, and return the page that comes last.

        :param choices: by the names of the form's fields; None leaves a box unchecked.
        """
        page = self._get(address)
        if "<form" not in page.text:
            return page
        answer = self._send(page, {"mfa": "yes"} | choices)
        return self._send(answer, {}) if "document.forms[0].submit()" in answer.text else answer

    def _get(self, address: str) -> requests.Response:
        return requests.get(address, verify=self._ca_bundle, timeout=PATIENCE)

    def _send(self, page: requests.Response, choices: dict[str, str | None]) -> requests.Response:
        """Send the first form of a page; its redirect is followed, as a browser does."""
        fields = {
            unescape(name): unescape(value) for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', page.text)
        }
        fields |= {
            unescape(name): unescape(first)
            for name, first in re.findall(r'<select id="[^"]*" name="([^"]*)"><option[^>]*>([^<]*)', page.text)
        }
        form = {name: value for name, value in (fields | choices).items() if value is not None}
        action = re.search(r'<form method="post" action="([^"]*)"', page.text)
        target = urljoin(page.url, unescape(action[1])) if action else page.url
        return requests.post(target, data=form, verify=self._ca_bundle, timeout=PATIENCE)


class Terminal(io.StringIO):
    """A standard error that a person reads: as soon as an address is there, it is opened.

    :param act: what the person does with the address, and with the code to type there, empty if there is none.
    """

    def __init__(self, act: Callable[[str, str], object]) -> None:
        super().__init__()
        self._act = act
        self._person: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Show a text, and let the person act on it once."""
        written = super().write(text)
        found = _ADDRESS.search(text)
        device = _DEVICE.search(text)
        arguments = (found[0], "") if found else (device[1], device[2]) if device else None
        if arguments and not self._person:
            self._person = threading.Thread(target=self._act, args=arguments, daemon=True)
            self._person.start()
        return written

    def wait_for_person(self) -> None:
        """Wait until the person has done what there was to do."""
        if self._person:
            self._person.join(PATIENCE)
