"""The access tokens that the emulator has handed out, and what each of them is good for."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_partnercenter.emulator.credentials import CLIENT_ID, TENANT_ID, USER_NAME, USERS


@dataclass(frozen=True)
class AccessToken:
    """What Partner Center looks at in an access token."""

    audience: str
    app_only: bool
    mfa: bool
    expires_at: float


def base64url_json(value: Mapping[str, object]) -> str:
    """Return a value as JSON in URL-safe Base64 without padding, as in tokens."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt(claims: Mapping[str, object]) -> str:
    """Return claims in the shape of a JSON Web Token; the signature is a word, nobody is meant to check it."""
    return ".".join((base64url_json({"typ": "JWT", "alg": "none"}), base64url_json(claims), "emulator"))


class AccessTokens:
    """Issues access tokens and recognises them again.

    :param lifetime_seconds: how long one is good.
    """

    def __init__(self, issuer: str, lifetime_seconds: int) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._issuer = issuer
        self._issued: dict[str, AccessToken] = {}

    def issue(
        self,
        audience: str,
        *,
        app_only: bool = False,
        mfa: bool = True,
        user: str = USER_NAME,
        client_id: str = CLIENT_ID,
    ) -> str:
        """Return a new access token, different from every other one."""
        now = int(time.time())
        claims: dict[str, object] = {
            "aud": audience,
            "iss": self._issuer,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime_seconds,
            "appid": client_id,
            "tid": TENANT_ID,
            "jti": str(uuid.uuid4()),
            "ver": "1.0",
        }
        claims |= {"idtyp": "app", "oid": client_id} if app_only else _user_claims(user, mfa)
        token = jwt(claims)
        self._issued[token] = AccessToken(audience, app_only, mfa, now + self.lifetime_seconds)
        return token

    def find(self, token: str) -> AccessToken | None:
        """Return what is known of a token, or None if it is unknown or expired."""
        known = self._issued.get(token)
        return known if known and time.time() < known.expires_at else None

    def expire_all(self) -> None:
        """Let every token handed out so far be refused from now on."""
        self._issued.clear()


def _user_claims(user: str, mfa: bool) -> dict[str, object]:
    """Return the claims of a token for a user."""
    return {
        "oid": USERS[user],
        "upn": user,
        "scp": "user_impersonation",
        "amr": ["pwd", "mfa"] if mfa else ["pwd"],
    }
