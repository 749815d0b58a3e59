"""MSAL's token cache, kept beyond the task: newest tokens win, and losing it loses nothing but a round trip."""

import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Protocol

import msal

from airflow_partnercenter.api.wire.redaction import Redactor

logger = logging.getLogger(__name__)

#: MSAL treats a cached token as expired when less than this is left; so do we.
LEEWAY_SECONDS = 300
#: A refresh token dies so long after its issue; each use brings a newer one.
REFRESH_TOKEN_DAYS = 90
_WARN_DAYS = 60
_DAY = 86400
#: No time beyond this, in seconds since 1970, is meant.
_LATEST = 1e11

_MARK = "airflow_partnercenter_token_cache"
_VERSION = 1
# Airflow 3.0 to 3.2 mask a Variable of JSON by the keys in it and not by its name: this one has the word token.
_SECTIONS = "tokens"
_Kind = msal.TokenCache.CredentialType
#: Where each kind of MSAL's entries says how new it is.
_AGES = {_Kind.ACCESS_TOKEN: "expires_on", _Kind.REFRESH_TOKEN: "last_modification_time"}

Section = dict[str, Any]


class TokenStoreError(Exception):
    """A store cannot be used as it is; the message says why and what to do. Reads go on without it."""


class TokenStore(Protocol):
    """Where the text of a token cache lives between tasks.

    As text it says where that is, for messages. All methods but ``exclusive`` may raise :class:`TokenStoreError`.
    """

    def load(self) -> str | None:
        """Return the text, or None if there is none yet."""

    def save(self, text: str) -> None:
        """Replace the text."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep others out while one signs in, as far as the store can; never fails."""


class SignInCache:
    """The tokens of one sign-in: in this process, and in a store if there is one.

    The store's text is an envelope around MSAL's: a section for each sign-in that uses it, and in it a salted hash of
    the refresh token that was in the connection. A new one there makes the section void.

    :param store: where it lives between tasks; None keeps it in this process.
    :param owner: whose tokens these are: mode, application, authority and audience.
    :param refresh_token: that of the connection; empty where there is none.
    :param redactor: told every token that comes out of the store.
    """

    def __init__(self, store: TokenStore | None, *, owner: str, refresh_token: str, redactor: Redactor) -> None:
        self.msal = msal.SerializableTokenCache()
        self._store = store
        self._owner = owner.lower()
        self._given = refresh_token
        self._redactor = redactor
        self._warned: set[str] = set()
        self._usable = False
        #: The hash of another refresh token that the section held when this process first looked.
        self._void: str | None = None
        self._looked = False
        #: When the refresh token in the store was renewed last, in seconds since 1970.
        self._renewed: float | None = None

    def load(self) -> None:
        """Take over what the store has for this sign-in."""
        if self._store is None:
            return
        self._usable = False
        try:
            section = self._read(self._store).get(self._owner)
        except TokenStoreError as error:
            self._warn(str(error))
            return
        self._usable = True
        if section and self._is_ours(section):
            self._take(section, of_equal_age=True)
            self._renewed = section["renewed"]
        elif section and not self._looked:
            self._void = section["refresh_token"]
        self._looked = True

    def exclusive(self) -> AbstractContextManager[None]:
        """Let one process sign in while the others wait for what it gets."""
        return self._store.exclusive() if self._store and self._usable else nullcontext()

    def access_token(self, *, refused: str | None) -> tuple[str, float] | None:
        """Return a token that is valid for a while, and for how many seconds it may be used.

        :param refused: one that Partner Center has refused.
        """
        entries = list(self.msal.search(_Kind.ACCESS_TOKEN))
        left = [(int(entry["expires_on"]) - time.time() - LEEWAY_SECONDS, entry["secret"]) for entry in entries]
        usable = [
            (seconds, token) for seconds, token in left if seconds > 0 and token != refused and is_sendable(token)
        ]
        return (max(usable)[1], max(usable)[0]) if usable else None

    def refresh_token(self) -> str | None:
        """Return the newest refresh token, or None if none has come yet."""
        entries = [entry for entry in self.msal.search(_Kind.REFRESH_TOKEN) if isinstance(entry["secret"], str)]
        return max(entries, key=_modified)["secret"] if entries else None

    def save(self) -> None:
        """Put what is new into the store, beside what others have put there meanwhile."""
        if self._store is None or not self._usable:
            return
        try:
            sections = self._read(self._store)
            before = sections.get(self._owner)
            if before and not self._is_ours(before) and before["refresh_token"] != self._void:
                # A task with a newer connection was here meanwhile.
                return
            section = self._section(before if before and self._is_ours(before) else None)
            self._store.save(json.dumps({_MARK: _VERSION, _SECTIONS: sections | {self._owner: section}}))
            self._renewed = section["renewed"]
        except TokenStoreError as error:
            self._warn(str(error))

    def warn_of_age(self) -> None:
        """Say in time when the refresh token will die, if nothing renews it."""
        days = (time.time() - (self._renewed or time.time())) / _DAY
        if self._given and self._renewed and days >= _WARN_DAYS:
            dies = datetime.fromtimestamp(self._renewed + REFRESH_TOKEN_DAYS * _DAY, UTC)
            self._tell(
                f"The refresh token has not been renewed for {days:.0f} days and dies on {dies:%Y-%m-%d} at the "
                "latest: sign the service account in again, interactively and with MFA, before that day, and put the "
                "new refresh token into the connection."
            )

    def _section(self, before: Section | None) -> Section:
        """Return what to store: of two tokens for the same purpose the newer one."""
        if before:
            self._take(before, of_equal_age=False)
        now = int(time.time())
        salt = before["salt"] if before else secrets.token_hex(16)
        newest = _hash(salt, self.refresh_token() or self._given)
        kept = before and before["newest"] == newest
        return {
            "salt": salt,
            "refresh_token": _hash(salt, self._given),
            "newest": newest,
            "renewed": before["renewed"] if before and kept else now,
            "written": now,
            "msal": json.loads(self.msal.serialize()),
        }

    def _read(self, store: TokenStore) -> dict[str, Section]:
        """Return the sections of the store that can still be of use."""
        text = (store.load() or "").strip().strip("\0")
        if not text or text == "{}":
            return {}
        try:
            envelope = json.loads(text)
            if envelope[_MARK] != _VERSION:
                raise TokenStoreError(
                    "it was written by another version of airflow-provider-partnercenter: use one version on all "
                    "workers, or name another place in token_cache."
                )
            sections = envelope[_SECTIONS].items()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            if text.startswith(f'{{"{_MARK}"'):
                self._tell(f"The token cache in {store} is damaged and is written anew; a sign-in repairs it.")
                return {}
            raise TokenStoreError(
                "it holds something that is no token cache of this provider, which stays untouched: empty it if nobody "
                "needs it, or name another place in token_cache."
            ) from None
        oldest = time.time() - REFRESH_TOKEN_DAYS * _DAY
        return {owner: section for owner, section in sections if _is_sound(section) and section["written"] > oldest}

    def _is_ours(self, section: Section) -> bool:
        return bool(section["refresh_token"] == _hash(section["salt"], self._given))

    def _take(self, section: Section, *, of_equal_age: bool) -> None:
        """Add a section's tokens to those of this process, in place of older ones.

        :param of_equal_age: also of those that are as old, to the second. What others stored is worth a try, as ours
            may just have been refused; but it does not replace what we are about to store.
        """
        merged = json.loads(self.msal.serialize())
        for kind, entries in section["msal"].items():
            ours = merged.setdefault(kind, {})
            for key, entry in entries.items():
                if key not in ours or _age(kind, entry) + of_equal_age > _age(kind, ours[key]):
                    ours[key] = entry
                if isinstance(entry.get("secret"), str):
                    self._redactor.add(entry["secret"])
        self.msal.deserialize(json.dumps(merged))

    def _warn(self, why: str) -> None:
        dies = f"the refresh token of the connection is not renewed: it dies {REFRESH_TOKEN_DAYS} days after its issue"
        self._tell(
            f"The token cache in {self._store} is not used: {why} The read goes on, but each task signs in anew"
            f"{f', and {dies}' if self._given else ''}."
        )

    def _tell(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            logger.warning("%s", sentence)


def is_sendable(token: object) -> bool:
    """Return whether an HTTP header can carry a token."""
    return isinstance(token, str) and re.fullmatch(r"[!-~]+", token) is not None


def _hash(salt: str, token: str) -> str:
    """Return what tells one refresh token from another and helps nobody to guess it."""
    key, text = (value.encode("utf-8", "surrogatepass") for value in (salt, token))
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _is_sound(section: Any) -> bool:
    """Return whether a section is as this module writes it, so that neither we nor MSAL stumble over it."""
    trial = msal.SerializableTokenCache()
    try:
        texts = [section[name] for name in ("salt", "refresh_token", "newest")]
        times = [section[name] for name in ("renewed", "written")]
        for kind, entries in section["msal"].items():
            for entry in entries.values():
                _age(kind, entry)
                # Also of kinds that have no age, such as accounts.
                entry.keys()
                texts += [entry["secret"]] if kind in _AGES else []
        trial.deserialize(json.dumps(section["msal"]))
        for kind in _AGES:
            list(trial.search(kind))
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError, AssertionError):
        return False
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(at, int | float) and 0 <= at < _LATEST for at in times
    )


def _age(kind: str, entry: Mapping[str, str]) -> int:
    return int(entry[_AGES[kind]]) if kind in _AGES else 0


def _modified(entry: Mapping[str, str]) -> int:
    return _age(_Kind.REFRESH_TOKEN, entry)
