"""Whose turn it is after an error, in the words of docs/connection.md. The error's own sentence says what to do."""

import re

from airflow_partnercenter.exceptions import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    InteractionRequiredError,
    PartnerCenterError,
    ServiceError,
    ThrottledError,
    TokenServiceError,
    TransportError,
)

KEEPER = "whoever keeps the connection"
HOLDER = "the service account"
OPERATOR = "whoever runs this Airflow"
_ENTRA_ADMIN = "Entra administrator"
_PARTNER_ADMIN = "administrator of the partner tenant"
_GLOBAL_ADMIN = "Global admin"
_OWNER = "owner of the application"
_NETWORK = "network administrator"
_AUTHOR = "author of the DAG"
_NOBODY = "nobody yet: Microsoft's service failed, try again later"
_NOBODY_BUT_WAIT = "nobody yet: Partner Center limits requests, try again later"

#: AADSTS codes that neither the service account's holder nor whoever keeps the connection can mend alone.
_AADSTS = {
    **dict.fromkeys(("65001", "65004", "90094"), _PARTNER_ADMIN),
    **dict.fromkeys(("50105", "53000", "53001", "53003", "530032", "50053", "50057", "7000112"), _ENTRA_ADMIN),
    "50079": f"{_ENTRA_ADMIN}, then {HOLDER}",
    **dict.fromkeys(("7000222", "700025", "700027", "700030", "1000502", "50013", "70021", "70025"), _OWNER),
    **dict.fromkeys(("700211", "700212", "700213"), _OWNER),
}
#: Partner Center's codes whose person the status alone does not tell.
_PARTNER_CENTER = {
    "800001": _NETWORK,
    "900329": KEEPER,
    "900309": _ENTRA_ADMIN,
    "20002": _AUTHOR,
    "90000": HOLDER,
    "60003": _AUTHOR,
    "900127": KEEPER,
}
_STATUS = {400: _AUTHOR, 403: _GLOBAL_ADMIN}


def who_must_act(error: PartnerCenterError) -> str:
    """Return the person, in words."""
    if isinstance(error, ThrottledError):
        return _NOBODY_BUT_WAIT
    if isinstance(error, ServiceError | TokenServiceError):
        return _NOBODY
    if isinstance(error, TransportError):
        return _NETWORK
    if isinstance(error, ApiError):
        return _of_partner_center(error)
    if isinstance(error, AuthenticationError) and (who := _AADSTS.get(_code(error))):
        return who
    if isinstance(error, InteractionRequiredError):
        return HOLDER
    return KEEPER if isinstance(error, ConfigurationError | AuthenticationError) else _NOBODY


def _of_partner_center(error: ApiError) -> str:
    if isinstance(error, InteractionRequiredError):
        return HOLDER
    # An app-only token is the connection's choice, whatever Partner Center says about roles.
    if "auth_mode" in str(error):
        return KEEPER
    return _PARTNER_CENTER.get(error.code or "") or _STATUS.get(error.status_code or 0, KEEPER)


def _code(error: AuthenticationError) -> str:
    found = re.search(r"AADSTS(\d+)", f"{error} {error.error_description}")
    return found[1] if found else ""
