"""How applications prove themselves to the emulated Entra ID: by a certificate, or a token of a provider they trust.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials,
https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation
"""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from airflow_partnercenter.emulator import credentials as known
from airflow_partnercenter.emulator import entra_errors as errors
from airflow_partnercenter.emulator.entra_errors import EntraError

if TYPE_CHECKING:
    from jwt.types import Options

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLOCK_SKEW_SECONDS = 300


@cache
def certificate() -> x509.Certificate:
    """Return the certificate that is registered with the application; made anew in each process."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Licence reports")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key("certificate").public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(_key("certificate"), hashes.SHA256())
    )


def certificate_pem() -> str:
    """Return the application's private key and certificate as PEM text."""
    key = _key("certificate").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (key + certificate().public_bytes(serialization.Encoding.PEM)).decode()


def federated_token(*, lifetime_seconds: float = 3600, **claims: object) -> str:
    """Return a token of the identity provider that the application trusts, as a cluster writes it for a pod.

    :param claims: replace those it would have.
    """
    return _signed("federation", known.FEDERATED_ISSUER, known.FEDERATED_SUBJECT, lifetime_seconds, claims)


def managed_identity_token(audience: str) -> str:
    """Return a token of the managed identity that the application trusts."""
    return _signed("identity", known.MANAGED_IDENTITY_ISSUER, known.MANAGED_IDENTITY_ID, 86_400, {"aud": audience})


def check_assertion(form: Mapping[str, str], base_url: str) -> None:
    """Refuse a client assertion that does not prove the application.

    :param base_url: of the token service; an assertion by certificate must be meant for it.
    """
    if not (kind := form.get("client_assertion_type")):
        raise EntraError(errors.PARAMETER_MISSING, "client_assertion_type")
    assertion, client_id = form["client_assertion"], form["client_id"].lower()
    try:
        header, claims = jwt.get_unverified_header(assertion), _unverified_claims(assertion)
    except (jwt.PyJWTError, ValueError):
        raise EntraError(errors.ASSERTION_MALFORMED) from None
    if kind != ASSERTION_TYPE or header.get("typ") not in (None, "JWT"):
        raise EntraError(errors.ASSERTION_MALFORMED)
    if str(claims.get("iss")).lower() == client_id:
        _check_certificate(assertion, header, claims, client_id, base_url)
    else:
        _check_federated(assertion, claims)


def _check_certificate(
    assertion: str, header: Mapping[str, Any], claims: Mapping[str, Any], client_id: str, base_url: str
) -> None:
    """Refuse an assertion that is not signed with the registered certificate, for this token service."""
    thumbprints = {
        "x5t#S256": certificate().fingerprint(hashes.SHA256()),
        "x5t": certificate().fingerprint(hashes.SHA1()),  # noqa: S303 - what a thumbprint is
    }
    named = [name for name in thumbprints if name in header]
    if not named or any(str(header[name]).rstrip("=") != _base64url(thumbprints[name]) for name in named):
        raise EntraError(errors.CERTIFICATE_UNKNOWN, "The key was not found.")
    chain = header.get("x5c")
    if chain and base64.b64decode(chain[0]) != certificate().public_bytes(serialization.Encoding.DER):
        raise EntraError(errors.CERTIFICATE_UNKNOWN, "The key was not found.")
    if not _is_signed(assertion, "certificate", ["PS256", "RS256"]):
        raise EntraError(errors.SIGNATURE_INVALID)
    _check_time(claims)
    if str(claims.get("sub")).lower() != client_id or not claims.get("jti"):
        raise EntraError(errors.ASSERTION_OF_OTHER_CLIENT)
    tenants = (known.TENANT_ID, known.TENANT_DOMAIN)
    audiences = {f"/{tenant}/{path}" for tenant in tenants for path in ("oauth2/v2.0/token", "oauth2/token", "v2.0")}
    audience = urlsplit(str(claims.get("aud")))
    if audience.netloc != urlsplit(base_url).netloc or audience.path.lower() not in audiences:
        raise EntraError(errors.ASSERTION_AUDIENCE)


def _check_federated(assertion: str, claims: Mapping[str, Any]) -> None:
    """Refuse a token of a provider, subject or audience that the application does not trust."""
    trusted = {
        known.FEDERATED_ISSUER: ("federation", known.FEDERATED_SUBJECT),
        known.MANAGED_IDENTITY_ISSUER: ("identity", known.MANAGED_IDENTITY_ID),
    }
    if claims.get("iss") not in trusted:
        raise EntraError(errors.FEDERATED_ISSUER, str(claims.get("iss")))
    key, subject = trusted[claims["iss"]]
    if claims.get("sub") != subject:
        raise EntraError(errors.FEDERATED_SUBJECT, str(claims.get("sub")))
    audiences = claims.get("aud")
    if known.TOKEN_EXCHANGE_AUDIENCE not in (audiences if isinstance(audiences, list) else [audiences]):
        raise EntraError(errors.FEDERATED_AUDIENCE, str(audiences))
    if not _is_signed(assertion, key, ["RS256"]):
        raise EntraError(errors.FEDERATED_SIGNATURE)
    _check_time(claims)


def _check_time(claims: Mapping[str, Any]) -> None:
    """Refuse what is not valid now, give or take some minutes."""
    now = time.time()
    try:
        begins, ends = float(claims.get("nbf") or 0), float(claims["exp"])
    except (KeyError, TypeError, ValueError):
        raise EntraError(errors.ASSERTION_EXPIRED) from None
    if not begins - _CLOCK_SKEW_SECONDS <= now <= ends + _CLOCK_SKEW_SECONDS:
        raise EntraError(errors.ASSERTION_EXPIRED)


def _is_signed(assertion: str, key: str, algorithms: list[str]) -> bool:
    """Whether the signature is that of one of our keys; nothing else is looked at."""
    nothing_else = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False)
    try:
        jwt.decode(assertion, _key(key).public_key(), algorithms=algorithms, options=cast("Options", nothing_else))
    except jwt.PyJWTError:
        return False
    return True


def _unverified_claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("claims are no object")  # noqa: TRY004 - as of any other broken token
    return claims


def _signed(key: str, issuer: str, subject: str, seconds: float, claims: Mapping[str, object]) -> str:
    now = int(time.time())
    complete = {
        "iss": issuer,
        "sub": subject,
        "aud": known.TOKEN_EXCHANGE_AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + int(seconds),
        "jti": str(uuid.uuid4()),
        **claims,
    }
    return jwt.encode(complete, _key(key), algorithm="RS256", headers={"kid": key})


@cache
def _key(name: str) -> rsa.RSAPrivateKey:
    """Return a key of this process, by what it is for."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
