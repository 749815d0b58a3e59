"""How an application proves itself, in the form that MSAL wants.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials (read 2026-11-25)
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from airflow_partnercenter.api.entra.credentials import (
    Certificate,
    FederatedTokenFile,
    ManagedIdentity,
    SignInCredentials,
)
from airflow_partnercenter.api.entra.managed_identity import ManagedIdentityTokens
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.exceptions import ConfigurationError


def client_credential(
    credentials: SignInCredentials, network: Network, redactor: Redactor
) -> str | dict[str, Any] | None:
    """Return the proof, or what MSAL calls for one at each sign-in; None for a public client."""
    match credentials.client_assertion:
        case None:
            return credentials.client_secret
        case Certificate() as certificate:
            return _certificate_credential(certificate)
        case FederatedTokenFile() as file:
            return {"client_assertion": lambda: _federated_token(file.path, redactor)}
        case ManagedIdentity() as identity:
            return {"client_assertion": ManagedIdentityTokens(identity, network, redactor).assertion}


def _federated_token(path: str, redactor: Redactor) -> str:
    """Return what the file holds now: its writer replaces it long before it expires."""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"federated_token_file cannot be read ({type(error).__name__}): it must be a file with a token, put on "
            "the worker by the identity provider."
        ) from None
    redactor.add(token)
    if token.count(".") != 2:
        raise ConfigurationError(
            "federated_token_file holds no token (JWT): check the path, and what should write the token there."
        )
    return token


def signs_by_certificate_alone() -> bool:
    """Return whether this MSAL finds out a certificate's thumbprint by itself."""
    return tuple(map(int, version("msal").split(".")[:2])) >= (1, 35)


def _certificate_credential(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as MSAL wants it.

    With the certificate alone MSAL signs by the newer standard (PS256, SHA-256), since 1.35; the releases that Airflow
    2.11 and 3.0 came with need a SHA-1 thumbprint. MSAL sends the issuers' certificates, which trust by subject name
    and issuer needs, only where it is given one.
    """
    credential = {"private_key": certificate.private_key}
    if certificate.chain:
        credential["public_certificate"] = certificate.chain
    if certificate.has_issuers or not certificate.chain or not signs_by_certificate_alone():
        credential["thumbprint"] = certificate.thumbprint
    return credential
