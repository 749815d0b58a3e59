"""Certificates made up for one test run."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from airflow_partnercenter.emulator import proofs

KEY_PEM = proofs.certificate_pem().split("-----BEGIN CERTIFICATE-----")[0]
CERTIFICATE_PEM = proofs.certificate_pem().removeprefix(KEY_PEM)
#: SHA-1, as Microsoft Entra ID shows it
THUMBPRINT = proofs.certificate().fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - what a thumbprint is
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def key_pem(key=None, *, passphrase: str | None = None, old: bool = False) -> str:
    """Return a private key as PEM text, by default that of the emulated application; ``old`` is OpenSSL's own form."""
    key = key or serialization.load_pem_private_key(KEY_PEM.encode(), None)
    form = serialization.PrivateFormat.TraditionalOpenSSL if old else serialization.PrivateFormat.PKCS8
    secret = passphrase.encode() if passphrase else None
    lock = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock).decode()


def certificate_pem(*, key=RSA_KEY, from_days: int = -1, to_days: int = 365, name: str = "Somebody") -> str:
    """Return a certificate as PEM text."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=from_days))
        .not_valid_after(now + timedelta(days=to_days))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
