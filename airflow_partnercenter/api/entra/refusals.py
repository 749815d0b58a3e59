"""What a refusal of Microsoft Entra ID means and who must do what; MSAL reports refusals as dictionaries.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes (read 2026-11-20)
"""

import re
from collections.abc import Mapping
from typing import Any

from airflow_partnercenter.exceptions import ApiError, AuthenticationError, InteractionRequiredError, TokenServiceError
from airflow_partnercenter.one_line import one_line

_SIGN_IN_AGAIN = (
    "sign the service account in again, interactively and with MFA, and put the new refresh token into the connection"
)
_LET_THROUGH = "an Entra administrator must let the service account through; then sign in again"
_REGISTER_CERTIFICATE = (
    "register the certificate in `certificate` with the application (`login`) in Microsoft Entra ID, under "
    "Certificates & secrets"
)
_TRUST = (
    "add a federated credential with its issuer, subject and audience to the application (`login`) in Microsoft Entra "
    "ID, under Certificates & secrets; a managed identity's issuer is the tenant, its subject the identity's object ID"
)

#: AADSTS codes that only a person's sign-in or consent mends.
_INTERACTION = {
    "700082": f"the refresh token has expired (nothing renewed it for 90 days): {_SIGN_IN_AGAIN}",
    "70008": f"the refresh token has expired: {_SIGN_IN_AGAIN}",
    "700084": f"the refresh token was made for a single-page app and lives 24 hours: {_SIGN_IN_AGAIN}",
    "70043": f"the refresh token has expired under a sign-in frequency policy: {_SIGN_IN_AGAIN}",
    "50173": f"the refresh token was revoked, for instance by a password reset: {_SIGN_IN_AGAIN}",
    "50076": f"multi-factor authentication is required: {_SIGN_IN_AGAIN}",
    "50078": f"the multi-factor authentication has expired: {_SIGN_IN_AGAIN}",
    "50079": f"the service account must enrol for multi-factor authentication first; then {_SIGN_IN_AGAIN}",
    "65001": "consent is missing: an administrator of the partner tenant must consent to the application's use of "
    "Partner Center (user_impersonation), then sign in again",
    "65004": "consent was declined: an administrator of the partner tenant must consent to the application's use of "
    "Partner Center (user_impersonation), then sign in again",
    "90094": "an administrator's consent is missing: an administrator of the partner tenant must consent to the "
    "application's use of Partner Center (user_impersonation), then sign in again",
    "50105": "the service account is not assigned to the application: an Entra administrator must assign it, then sign "
    "in again",
    "53000": f"Conditional Access wants a compliant device: {_LET_THROUGH}",
    "53001": f"Conditional Access wants a domain-joined device: {_LET_THROUGH}",
    "53003": f"Conditional Access blocks the service account: {_LET_THROUGH}",
    "530032": f"a security policy blocks the service account: {_LET_THROUGH}",
    "50053": "the service account is locked: an Entra administrator must unlock it, then sign in again",
    "50057": "the service account is disabled: an Entra administrator must enable it, then sign in again",
    "50055": "the service account's password has expired: change it, then sign in again",
    "700007": f"the refresh token was issued to another application: check `login`, or {_SIGN_IN_AGAIN}",
    "70000": f"the refresh token is not valid: it is incomplete, or of another tenant or application; {_SIGN_IN_AGAIN}",
    "9002313": f"the refresh token is not valid: it may be cut off or mistyped; {_SIGN_IN_AGAIN}",
}

_CONFIGURATION = {
    "7000215": "the client secret is wrong: `password` takes the secret's value, not its ID",
    "7000222": "the client secret has expired: create a new one for the application and put it into `password`",
    "700016": "the application is not known in this tenant: check `login` (application ID) and `tenant_id`",
    "90002": "the tenant does not exist: check `tenant_id`, and `cloud` for a national cloud",
    "900023": "the tenant is neither a GUID nor a domain: check `tenant_id`",
    "500011": "Partner Center is not known in this tenant: check that `tenant_id` is the partner's own, and `cloud`",
    "7000218": "the application must prove itself: fill in `password` (client secret) or `certificate`, or let an "
    "Entra administrator make it a public client",
    "700025": "the application is a public client: empty `password`, `certificate` and the like",
    "7000112": "the application is disabled: an Entra administrator must enable it",
    "700027": f"the certificate is not one of the application's: {_REGISTER_CERTIFICATE}",
    "700030": f"the certificate is not valid for the application: {_REGISTER_CERTIFICATE}",
    "1000502": f"the certificate is not within its time: {_REGISTER_CERTIFICATE}",
    "700021": "the client assertion names another application: check `login`",
    "700023": "the client assertion is for another tenant or cloud: check `tenant_id`, `cloud` and `authority`",
    "700024": "the client assertion is not within its time: check the clock of Airflow's workers, and what renews the "
    "file of `federated_token_file`",
    "50013": f"the federated token was refused: {_TRUST}",
    "50027": "the client assertion cannot be read: check `certificate`, or what writes the file of "
    "`federated_token_file`",
    "70021": f"the application does not trust this federated token: {_TRUST}",
    "70025": f"the application trusts no federated tokens: {_TRUST}",
    "700211": f"the application does not trust the federated token's issuer: {_TRUST}",
    "700212": f"the application does not trust the federated token's audience: {_TRUST}",
    "700213": f"the application does not trust the federated token's subject: {_TRUST}",
    "70011": "Partner Center's permission user_impersonation is not known to Entra ID: check `cloud`",
    "1002012": "Partner Center's permission is not known to Entra ID: check `cloud`",
    "50034": "the service account does not exist in this tenant: check `tenant_id`",
    "50020": "the service account is not of this tenant: check `tenant_id`",
}

_LONGEST_ERROR = 100
#: Entra ID's own are a few sentences with ids and a time.
_LONGEST_DESCRIPTION = 4_000

#: Errors that are the service's own, whatever the status they come with.
SERVICE_TROUBLE = {"temporarily_unavailable", "server_error", "service_unavailable"}
#: Refusals of the grant itself: another refresh token may still be good.
DEAD_GRANT = {"invalid_grant", "interaction_required", "consent_required", "login_required"}
#: AADSTS codes of a refresh token that nobody has used for too long. Whatever else ends one ends its successors too.
_UNUSED = ("700082", "70008")


def refusal(result: Mapping[str, Any]) -> AuthenticationError | TokenServiceError:
    """Return the error that a token answer without a token stands for.

    :param result: what MSAL returned, or the body of the token service; secrets already removed from its text.
    """
    error = one_line(result.get("error") or "no_token", _LONGEST_ERROR)
    description = one_line(result.get("error_description") or "no description", _LONGEST_DESCRIPTION)
    code = _aadsts(result, description)
    if error in SERVICE_TROUBLE:
        return TokenServiceError(f"Microsoft Entra ID failed for now ({error}: {_first_sentence(description)}).")
    kind = InteractionRequiredError if code in _INTERACTION else AuthenticationError
    if error in DEAD_GRANT and code not in _CONFIGURATION:
        kind = InteractionRequiredError
    hint = _INTERACTION.get(code) or _CONFIGURATION.get(code) or _first_sentence(description)
    correlation_id = one_line(result.get("correlation_id") or "", _LONGEST_ERROR) or None
    support = f" [correlation ID {correlation_id}]" if correlation_id else ""
    label = f"{error}, AADSTS{code}" if code else error
    return kind(
        f"Microsoft Entra ID refused to issue a token ({label}): {hint}.{support}",
        error=error,
        error_description=description,
        correlation_id=correlation_id,
    )


def is_unused_too_long(error: Exception) -> bool:
    """Return whether Entra ID refused a refresh token by reason of its age alone: one that came of it may live on."""
    if not isinstance(error, InteractionRequiredError) or isinstance(error, ApiError):
        return False
    code = _aadsts({}, error.error_description or "")
    return code in _UNUSED or (not code and error.error == "invalid_grant")


def _aadsts(result: Mapping[str, Any], description: str) -> str:
    if found := re.search(r"AADSTS(\d{1,12})", description):
        return found[1]
    codes = result.get("error_codes")
    return one_line(codes[0], _LONGEST_ERROR) if isinstance(codes, list) and codes else ""


def _first_sentence(description: str) -> str:
    return re.split(r"(?<=[a-z])\.\s|\s+(?:Trace ID|Correlation ID|Timestamp):", description, maxsplit=1)[0].rstrip(
        "."
    )[:300]
