"""Keeps secrets out of text that another party wrote: a server may echo what it was sent."""

from collections.abc import Callable

_SHORTEST = 5


class Redactor:
    """Replaces every secret it knows by ``***``.

    :param on_new: told each secret as it becomes known; the hook passes Airflow's ``mask_secret``.
    """

    def __init__(self, on_new: Callable[[str], None] | None = None) -> None:
        self._secrets: set[str] = set()
        self._on_new = on_new

    def add(self, secret: str | None) -> None:
        """Remember a secret; anything too short to be one would only make messages unreadable."""
        if secret and len(secret) >= _SHORTEST and secret not in self._secrets:
            self._secrets.add(secret)
            if self._on_new:
                self._on_new(secret)

    def __call__(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"
