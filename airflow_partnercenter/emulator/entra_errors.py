"""The errors of Microsoft Entra ID's token endpoint, in its own words.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class EntraFault:
    """An AADSTS error.

    :param error: OAuth's word for it.
    :param text: the description; may have ``{detail}`` in it.
    :param v1_error: the word of the older endpoint, where it differs.
    """

    code: int
    error: str
    text: str
    status: int = 400
    suberror: str = ""
    v1_error: str = ""

    def body(self, detail: str, correlation_id: str, *, v1: bool) -> dict[str, object]:
        """Return the JSON body."""
        timestamp, trace_id = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}", str(uuid.uuid4())
        text = f"AADSTS{self.code}: {self.text.format(detail=detail)}"
        body: dict[str, object] = {
            "error": self.v1_error if v1 and self.v1_error else self.error,
            "error_description": (
                f"{text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
            ),
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        return body | ({"suberror": self.suberror} if self.suberror else {})


class EntraError(Exception):
    """Ends a request to the token endpoint with an error."""

    def __init__(self, fault: EntraFault, detail: str = "") -> None:
        super().__init__(f"AADSTS{fault.code}")
        self.fault = fault
        self.detail = detail


UNKNOWN_TENANT = EntraFault(
    90002,
    "invalid_tenant",
    "Tenant '{detail}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
    "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
    "tenant.",
    v1_error="invalid_request",
)
UNKNOWN_CLIENT = EntraFault(
    700016,
    "unauthorized_client",
    "Application with identifier '{detail}' was not found in the directory 'Contoso'. This can happen if the "
    "application has not been installed by the administrator of the tenant or consented to by any user in the "
    "tenant. You may have sent your authentication request to the wrong tenant.",
)
WRONG_SECRET = EntraFault(
    7000215,
    "invalid_client",
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the "
    "client secret ID, for a secret added to app '{detail}'.",
    status=401,
)
EXPIRED_SECRET = EntraFault(
    7000222,
    "invalid_client",
    "The provided client secret keys for app '{detail}' are expired. Visit the Azure portal to create new keys for "
    "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
    "https://aka.ms/certCreds.",
    status=401,
)
SECRET_MISSING = EntraFault(
    7000218,
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    status=401,
)
ASSERTION_MALFORMED = EntraFault(50027, "invalid_client", "JWT token is invalid or malformed.", status=401)
ASSERTION_EXPIRED = EntraFault(
    700024, "invalid_client", "Client assertion is not within its valid time range.", status=401
)
CERTIFICATE_UNKNOWN = EntraFault(
    700027,
    "invalid_client",
    "The certificate with identifier used to sign the client assertion is not registered on application. "
    "[Reason - {detail}]",
    status=401,
)
SIGNATURE_INVALID = EntraFault(700027, "invalid_client", "Client assertion failed signature validation.", status=401)
ASSERTION_OF_OTHER_CLIENT = EntraFault(
    700021, "invalid_client", "Client assertion application identifier doesn't match 'client_id' parameter.", status=401
)
ASSERTION_AUDIENCE = EntraFault(
    700023, "invalid_client", "Client assertion audience claim does not match Realm issuer.", status=401
)
FEDERATED_ISSUER = EntraFault(
    700211,
    "invalid_client",
    "No matching federated identity record found for presented assertion issuer '{detail}'. Check your federated "
    "identity credential Subject, Audience and Issuer against the presented assertion.",
    status=401,
)
FEDERATED_AUDIENCE = EntraFault(
    700212,
    "invalid_client",
    "No matching federated identity record found for presented assertion audience '{detail}'. Check your federated "
    "identity credential Subject, Audience and Issuer against the presented assertion.",
    status=401,
)
FEDERATED_SUBJECT = EntraFault(
    700213,
    "invalid_client",
    "No matching federated identity record found for presented assertion subject '{detail}'. Check your federated "
    "identity credential Subject, Audience and Issuer against the presented assertion.",
    status=401,
)
FEDERATED_SIGNATURE = EntraFault(
    50013, "invalid_client", "Assertion failed signature validation. [Reason - The key was not found.]", status=401
)
PARAMETER_MISSING = EntraFault(
    900144, "invalid_request", "The request body must contain the following parameter: '{detail}'."
)
UNSUPPORTED_GRANT = EntraFault(
    70003, "unsupported_grant_type", "The app requested an unsupported grant type '{detail}'."
)
UNKNOWN_RESOURCE = EntraFault(
    500011,
    "invalid_resource",
    "The resource principal named {detail} was not found in the tenant named Contoso. This can happen if the "
    "application has not been installed by the administrator of the tenant or consented to by any user in the "
    "tenant. You might have sent your authentication request to the wrong tenant.",
)
SCOPE_NOT_DEFAULT = EntraFault(
    1002012,
    "invalid_scope",
    "The provided value for scope {detail} is not valid. Client credential flows must have a scope value with "
    "/.default suffixed to the resource identifier (application ID URI).",
)
INVALID_SCOPE = EntraFault(
    70011,
    "invalid_scope",
    "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' "
    "is not valid. The scope {detail} is not valid.",
)
GARBLED_GRANT = EntraFault(9002313, "invalid_grant", "Invalid request. Request is malformed or invalid.")
UNKNOWN_GRANT = EntraFault(70000, "invalid_grant", "Provided grant is invalid or malformed.")

# by the names in Emulator.REFRESH_TOKENS
REFRESH_TOKEN_FAULTS = {
    "expired": EntraFault(
        700082,
        "invalid_grant",
        "The refresh token has expired due to inactivity. The token was issued on 2025-01-07T08:09:10.1112131Z and "
        "was inactive for 90.00:00:00.",
    ),
    "inactive": EntraFault(
        70008,
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive "
        "authorization request for this user and resource.",
    ),
    "revoked": EntraFault(
        50173,
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have "
        "changed or reset their password. The grant was issued on '2025-01-07T08:09:10.1112131Z' and the "
        "TokensValidFrom date (before which tokens are not valid) for this user is '2025-02-03T04:05:06.0000000Z'.",
        suberror="bad_token",
    ),
    "mfa_required": EntraFault(
        50076,
        "invalid_grant",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
        "use multi-factor authentication to access 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd'.",
        suberror="basic_action",
        v1_error="interaction_required",
    ),
    "mfa_expired": EntraFault(
        50078,
        "invalid_grant",
        "Presented multi-factor authentication has expired due to policies configured by your administrator, you "
        "must refresh your multi-factor authentication to access 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd'.",
        suberror="basic_action",
        v1_error="interaction_required",
    ),
    "consent_missing": EntraFault(
        65001,
        "invalid_grant",
        "The user or administrator has not consented to use the application with ID '{detail}' named 'Licence "
        "reports'. Send an interactive authorization request for this user and resource.",
        suberror="consent_required",
    ),
    "conditional_access": EntraFault(
        53003,
        "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        suberror="message_only",
        v1_error="interaction_required",
    ),
    "other_client": EntraFault(
        700007, "invalid_grant", "The grant is not issued for the client '{detail}' but for a different client id."
    ),
}
