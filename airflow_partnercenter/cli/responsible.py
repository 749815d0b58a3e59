"""Whose turn it is after an error. The error's own sentence says what to do; this says which person can."""

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

KEEPER = "whoever keeps the Airflow connection"
HOLDER = "the holder of the service account"
_ENTRA_ADMIN = "an Entra administrator of the partner tenant"
_GLOBAL_ADMIN = "a Global admin of the partner tenant, in Partner Center"
_NETWORK = "whoever runs the network of this machine"
_NOBODY = "nobody yet: Microsoft's service failed, try again later"

#: AADSTS codes that the holder of the service account cannot mend alone.
_ADMIN_CODES = {"65001", "65004", "90094", "50105", "53000", "53001", "53003", "530032", "50053", "50057", "7000112"}


def who_must_act(error: PartnerCenterError) -> str:
    """Return the person, in words."""
    if isinstance(error, ThrottledError | ServiceError | TokenServiceError):
        return _NOBODY
    if isinstance(error, TransportError):
        return _NETWORK
    if isinstance(error, ApiError):
        return _of_partner_center(error)
    if isinstance(error, AuthenticationError) and _aadsts(error) in _ADMIN_CODES:
        return _ENTRA_ADMIN
    if isinstance(error, InteractionRequiredError):
        return HOLDER
    return KEEPER if isinstance(error, ConfigurationError | AuthenticationError) else _NOBODY


def _of_partner_center(error: ApiError) -> str:
    if isinstance(error, InteractionRequiredError):
        return HOLDER
    if error.code == "900309":
        return _ENTRA_ADMIN
    if error.status_code == 403 and "auth_mode" not in str(error):
        return _GLOBAL_ADMIN
    return KEEPER


def _aadsts(error: AuthenticationError) -> str:
    found = re.search(r"AADSTS(\d+)", f"{error} {error.error_description}")
    return found[1] if found else ""
