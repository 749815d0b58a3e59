"""The PEM text of a connection becomes a certificate that MSAL can sign with.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials (read 2026-11-25)
"""

import re
import textwrap
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from airflow_partnercenter.api.entra.credentials import Certificate
from airflow_partnercenter.api.entra.pem import BLOCK
from airflow_partnercenter.exceptions import ConfigurationError

_REGISTER = "the certificate that is registered with the application in Microsoft Entra ID"


def read_certificate(text: str, *, passphrase: str | None = None, thumbprint: str | None = None) -> Certificate:
    r"""Return the key of a PEM text with its certificates, the one that belongs to the key first.

    Line breaks that a one-line form field turned into blanks or ``\n``, or dropped, are put right.

    :param passphrase: of the key, if it is encrypted.
    :param thumbprint: SHA-1 of the certificate; needed only if the text holds the key alone.
    :raises ConfigurationError: it cannot work; the message names the connection's field.
    """
    blocks = [(match[1], _unfolded(match)) for match in BLOCK.finditer(text)]
    key = _private_key([pem for label, pem in blocks if label.endswith("PRIVATE KEY")], passphrase)
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    certificates = _certificates([pem for label, pem in blocks if label == "CERTIFICATE"])
    if not certificates:
        return Certificate(plain, None, _thumbprint(thumbprint))
    own = [certificate for certificate in certificates if certificate.public_key() == key.public_key()]
    if not own:
        raise ConfigurationError(
            f"certificate holds a private key that none of its certificates belongs to: put the key beside {_REGISTER}."
        )
    _check_time(own[0])
    ordered = [own[0], *(other for other in certificates if other != own[0])]
    chain = "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in ordered)
    return Certificate(plain, chain, own[0].fingerprint(hashes.SHA1()).hex())  # noqa: S303 - Entra ID's own name for it


def _unfolded(match: re.Match[str]) -> str:
    """Return a PEM block with its line breaks; one with headers, as of an old encrypted key, needs its own."""
    label, body = match[1], match[2].replace("\\r", "").replace("\\n", "\n")
    if ":" not in body:
        body = "\n".join(textwrap.wrap(re.sub(r"\s+", "", body), 64))
    return f"-----BEGIN {label}-----\n{body.strip()}\n-----END {label}-----\n"


def _private_key(keys: list[str], passphrase: str | None) -> PrivateKeyTypes:
    if len(keys) != 1:
        raise ConfigurationError(
            f"certificate holds {'no private key' if not keys else 'several private keys'}: give the PEM text, or the "
            f"path of a PEM file, with one private key and {_REGISTER}."
        )
    encrypted = "ENCRYPTED" in keys[0]
    if encrypted and not passphrase:
        raise ConfigurationError("certificate holds an encrypted private key: enter certificate_passphrase.")
    try:
        password = passphrase.encode() if encrypted and passphrase else None
        key = serialization.load_pem_private_key(keys[0].encode(), password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # None of these is repeated or kept as the cause: it might quote the key.
        raise ConfigurationError(
            "certificate_passphrase does not open the private key in certificate: enter the passphrase it was "
            "encrypted with."
            if encrypted
            else "certificate holds a private key that cannot be read; it may be cut off: copy it again, whole."
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(
            f"certificate holds a key that is not RSA, which Microsoft Entra ID does not take: use {_REGISTER}."
        )
    return key


def _certificates(blocks: list[str]) -> list[x509.Certificate]:
    try:
        return [x509.load_pem_x509_certificate(pem.encode()) for pem in blocks]
    except ValueError:
        raise ConfigurationError(
            "certificate holds a certificate that cannot be read; it may be cut off: copy it again, whole."
        ) from None


def _check_time(certificate: x509.Certificate) -> None:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc < now:
        raise ConfigurationError(
            f"certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}: register a new one with the "
            "application in Microsoft Entra ID, and put it here."
        )
    if certificate.not_valid_before_utc > now:
        raise ConfigurationError(
            f"certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: wait until then, "
            "or check the clock of this machine."
        )


def _thumbprint(text: str | None) -> str:
    if not text:
        raise ConfigurationError(
            f"certificate holds a private key but no certificate: add {_REGISTER} to it, or enter its thumbprint as "
            "certificate_thumbprint."
        )
    digits = re.sub(r"[:\s]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{40}", digits):
        raise ConfigurationError(
            "certificate_thumbprint is no SHA-1 thumbprint: copy its 40 hexadecimal digits from the application's page "
            "in Microsoft Entra ID, or leave it empty and add the certificate itself to certificate."
        )
    return digits
