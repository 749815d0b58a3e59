"""The errors that a person's sign-in can end in, in Entra ID's own words: on the login page, and for its codes.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow,
https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-device-code,
https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
"""

from types import MappingProxyType

from airflow_partnercenter.emulator.entra_errors import EntraFault

#: What the login page can send back to the application instead of a code, by the name that the page offers it under.
SIGN_IN_FAULTS = MappingProxyType(
    {
        "declined": EntraFault(65004, "access_denied", "User declined to consent to access the app."),
        "admin_consent": EntraFault(
            90094,
            "access_denied",
            "The grant requires administrator permissions that the user does not have: an administrator has to "
            "consent to the application '{detail}'.",
        ),
        "not_assigned": EntraFault(
            50105,
            "access_denied",
            "Your administrator has configured the application '{detail}' to block users unless they are "
            "specifically granted ('assigned') access to the application. The signed-in user is blocked because they "
            "are not a direct member of a group with access.",
        ),
        "mfa_failed": EntraFault(
            500121, "access_denied", "Authentication failed during strong authentication request."
        ),
        "mfa_enrolment": EntraFault(
            50079,
            "interaction_required",
            "Due to a configuration change made by your administrator, or because you moved to a new location, you "
            "must enroll in multi-factor authentication to access 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd'.",
        ),
        "conditional_access": EntraFault(
            53003,
            "access_denied",
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        ),
        "trouble": EntraFault(
            90033, "temporarily_unavailable", "A transient error has occurred. Please try again.", status=503
        ),
    }
)

UNKNOWN_REDIRECT = EntraFault(
    50011,
    "invalid_request",
    "The redirect URI '{detail}' specified in the request does not match the redirect URIs configured for the "
    "application.",
)
UNSUPPORTED_RESPONSE_TYPE = EntraFault(
    700054, "unsupported_response_type", "response_type '{detail}' is not enabled for the application."
)
CODE_EXPIRED = EntraFault(
    70008,
    "invalid_grant",
    "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive "
    "authorization request for this user and resource.",
)
CODE_REDEEMED = EntraFault(
    54005,
    "invalid_grant",
    "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh "
    "token.",
)
OTHER_CLIENT = EntraFault(
    700007, "invalid_grant", "The grant is not issued for the client '{detail}' but for a different client id."
)
OTHER_REDIRECT = EntraFault(
    500112,
    "invalid_grant",
    "The reply address '{detail}' does not match the reply address provided when requesting Authorization code.",
)
WRONG_VERIFIER = EntraFault(
    501481,
    "invalid_grant",
    "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
)
PUBLIC_CLIENT_WITH_SECRET = EntraFault(
    700025,
    "invalid_client",
    "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    status=401,
)
DEVICE_PENDING = EntraFault(
    70016, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
)
DEVICE_SLOW_DOWN = EntraFault(
    70016, "slow_down", "OAuth 2.0 device flow error. Authorization is pending. Polled too often."
)
DEVICE_DECLINED = EntraFault(
    70018, "authorization_declined", "The end user has denied the authorization request of the device."
)
DEVICE_EXPIRED = EntraFault(
    70020,
    "expired_token",
    "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
)
DEVICE_UNKNOWN = EntraFault(
    70018, "bad_verification_code", "The device code sent to the token endpoint was not recognized."
)
