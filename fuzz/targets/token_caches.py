"""The text of a token cache that somebody else may have written: a read goes on with or without it."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import msal

from airflow_partnercenter.api.entra.token_cache import SignInCache, is_sendable
from airflow_partnercenter.api.wire.redaction import Redactor
from fuzz.promises import text_of

_GIVEN = "given"
_OWNER = "app_user client https://login.example/t https://api.example"


class _Store:
    def __init__(self, text: str) -> None:
        self.text = text

    def load(self) -> str | None:
        """Return the text."""
        return self.text

    def save(self, text: str) -> None:
        """Replace the text."""
        self.text = text

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep nobody out."""
        return nullcontext()

    def __str__(self) -> str:
        return "store"


def _filled() -> SignInCache:
    """Return a cache with tokens of an hour."""
    cache = SignInCache(_Store(""), owner=_OWNER, refresh_token=_GIVEN, redactor=Redactor())
    cache.load()
    cache.msal.add(
        {
            "client_id": "client",
            "scope": ["s"],
            "token_endpoint": "https://login.example/t/oauth2/v2.0/token",
            "response": {"access_token": "at", "refresh_token": "rt", "expires_in": 3600, "token_type": "Bearer"},
        },
        now=int(time.time()),
    )
    cache.save()
    return cache


def seeds() -> Iterator[bytes]:
    """Yield a cache as it is written, one of another version, and what else people keep in files."""
    stored = _filled()._store.text  # type: ignore[union-attr]
    yield stored.encode()
    yield stored[: len(stored) // 2].encode()
    envelope = json.loads(stored)
    [section] = envelope["tokens"].values()
    for name in section:
        yield json.dumps(envelope | {"tokens": {_OWNER: section | {name: [1]}}}).encode()
    for other in ("", "{}", "[]", "null", '{"airflow_partnercenter_token_cache": 2}', "key: value", "\0"):
        yield other.encode()
    yield json.dumps(msal.SerializableTokenCache().serialize()).encode()


def check(data: bytes) -> None:
    """Load, look, and write."""
    store = _Store(text_of(data))
    cache = SignInCache(store, owner=_OWNER, refresh_token=_GIVEN, redactor=Redactor())
    cache.load()
    found = cache.access_token(refused=None)
    assert found is None or (is_sendable(found[0]) and found[1] > 0)
    token = cache.refresh_token()
    assert token is None or isinstance(token, str)
    cache.warn_of_age()
    with cache.exclusive():
        cache.save()
    again = SignInCache(store, owner=_OWNER, refresh_token=_GIVEN, redactor=Redactor())
    again.load()
    again.access_token(refused="other")
