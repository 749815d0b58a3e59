"""What an access token says about itself, for messages to people. Decides nothing: Partner Center does.

The signature is not checked, since only the service that a token is for can and may; Microsoft asks clients to treat
access tokens as opaque, so a token that cannot be read is no error here.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference (read 2026-11-25)
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Microsoft's application "Microsoft Partner Center", which some tokens name as their audience instead of its address.
PARTNER_CENTER_APPLICATION_ID = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims that matter to Partner Center; None where the token does not say, or cannot be read.

    :param audience: the resource it is for.
    :param tenant_id: GUID of the tenant that issued it.
    :param user: name of the signed-in user; None for an application.
    :param application_id: client ID it was issued to.
    :param expires_at: UTC.
    :param mfa: whether the user proved a second factor (``amr`` has ``mfa``).
    """

    audience: str | None = None
    tenant_id: str | None = None
    user: str | None = None
    application_id: str | None = None
    expires_at: datetime | None = None
    mfa: bool | None = None

    @property
    def readable(self) -> bool:
        """Whether the token said anything at all."""
        return self != TokenClaims()


def read_claims(access_token: str) -> TokenClaims:
    """Return what an access token says; nothing if it is opaque."""
    claims = _payload(access_token)
    amr = claims.get("amr")
    return TokenClaims(
        audience=_text(claims, "aud"),
        tenant_id=_text(claims, "tid"),
        user=_text(claims, "upn", "preferred_username", "unique_name"),
        application_id=_text(claims, "appid", "azp"),
        expires_at=_time(claims.get("exp")),
        mfa="mfa" in amr if isinstance(amr, list) else None,
    )


def _payload(access_token: str) -> Mapping[str, Any]:
    parts = access_token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _text(claims: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these claims that is text, on one printable line."""
    found = next((claims[name] for name in names if isinstance(claims.get(name), str)), None)
    return "".join(sign for sign in found if sign.isprintable())[:200] if found else None


def _time(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def objections(claims: TokenClaims, *, audience: str, tenant_id: str) -> list[str]:
    """Return what speaks against a user's access token, a sentence each; nothing about an opaque one.

    :param audience: the resource it should be for.
    :param tenant_id: the tenant it should be of; a domain cannot be compared with the token's GUID.
    """
    if not claims.readable:
        return []
    found = []
    if claims.audience and claims.audience.rstrip("/") not in (audience, PARTNER_CENTER_APPLICATION_ID):
        found.append(f"the token is for {claims.audience} instead of {audience}: check `cloud` and the scopes")
    if claims.tenant_id and _is_guid(tenant_id) and claims.tenant_id.lower() != tenant_id.lower():
        found.append(f"the token is of tenant {claims.tenant_id} instead of {tenant_id}: check `tenant_id`")
    if claims.expires_at and claims.expires_at < datetime.now(UTC):
        found.append(f"the token expired on {claims.expires_at:%Y-%m-%d at %H:%M} UTC: a new one is needed")
    if not claims.mfa:
        found.append(
            'the token does not prove multi-factor authentication (no "mfa" in its claim `amr`), which Partner Center '
            "demands: enrol the service account for MFA, let a policy of Microsoft Entra ID require it (a federated "
            "identity provider must pass the claim on), then sign in again"
        )
    return found


def _is_guid(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text))
