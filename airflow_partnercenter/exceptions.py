"""What can go wrong, by what the reader can do about it. Imports nothing of Airflow.

::

    PartnerCenterError                   retriable?
    ├── ConfigurationError               no    the connection, an argument or the destination cannot work as it is
    ├── AuthenticationError              no    the credentials were refused
    │   ├── InteractionRequiredError     no    a person must sign in again, give consent or pass MFA
    │   │   └── MfaRequiredError         no    Partner Center: the token does not prove MFA (also an ApiError)
    │   └── AccessTokenRefusedError      no    Partner Center refused the access token (also an ApiError)
    ├── TokenServiceError                yes   Microsoft Entra ID itself failed or throttled
    ├── ApiError                         no    Partner Center answered 3xx or 4xx
    │   ├── ThrottledError               yes   429, also after our own retries
    │   └── ServiceError                 yes   408 or 5xx, also after our own retries
    ├── TransportError                   yes   no complete answer of a service or a store, or a full disk
    ├── ResponseFormatError              no    2xx, but not the documented shape, or a link to another host
    ├── IncompleteResultError            yes   the rows do not add up; a later run may see settled data
    ├── EmptyResultError                 no    no rows, and the caller asked for a failure in that case
    ├── ExpectationError                 no    complete rows, but not as the caller expects them
    └── ResultTooLargeError              no    more than XCom should carry

``retriable`` says whether the same call may succeed later without anybody changing anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class PartnerCenterError(Exception):
    """Anything this package raises on purpose; the message says what failed and what to do."""

    #: Whether the same call may succeed later without anybody changing anything.
    retriable = False
    #: Seconds the service asked us to wait before the next request; None when it did not say.
    retry_after_seconds: float | None = None
    #: ``MS-CorrelationId`` of the call, or the token service's correlation id, for a support case.
    correlation_id: str | None = None
    #: ``MS-RequestId`` of the request that the error is about, if it is about one.
    request_id: str | None = None
    #: Whether the retries within the task are used up; Airflow's own may still help.
    retries_are_used_up = False


class ConfigurationError(PartnerCenterError):
    """The connection, an argument or the destination cannot work as it is; a person must change it."""


class AuthenticationError(PartnerCenterError):
    """The credentials were refused.

    :param message: what was refused and who must do what.
    :param error: OAuth's error code, such as ``invalid_client``.
    :param error_description: Microsoft Entra ID's own text, secrets removed.
    :param correlation_id: of the token request, for a support case.
    """

    def __init__(
        self,
        message: str,
        *,
        error: str | None = None,
        error_description: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error = error
        self.error_description = error_description
        self.correlation_id = correlation_id


class InteractionRequiredError(AuthenticationError):
    """No unattended retry helps: a person must sign in again, give consent or pass MFA."""


class TokenServiceError(PartnerCenterError):
    """Microsoft Entra ID itself failed or throttled; the credentials may be right.

    :param message: what it answered.
    :param retry_after_seconds: how long it asked us to wait, in seconds.
    """

    retriable = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ApiError(PartnerCenterError):
    """Partner Center answered with an error.

    :param message: what it answered and what to do.
    :param status_code: HTTP status.
    :param code: Partner Center's own error code as text; not unique across statuses.
    :param description: Partner Center's own text, secrets removed, shortened.
    :param request_id: ``MS-RequestId`` of the answer, or else of the request.
    :param correlation_id: ``MS-CorrelationId`` of the logical call.
    :param retry_after_seconds: how long it asked us to wait, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        description: str | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        self.description = description
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.retry_after_seconds = retry_after_seconds


class ThrottledError(ApiError):
    """Too many requests; ``retry_after_seconds`` says how long to stay away."""

    retriable = True


class ServiceError(ApiError):
    """Partner Center itself failed."""

    retriable = True


class AccessTokenRefusedError(ApiError, AuthenticationError):
    """Partner Center refused an access token that Microsoft Entra ID had issued."""


class MfaRequiredError(ApiError, InteractionRequiredError):
    """Partner Center wants proof of multi-factor authentication that the access token does not carry."""


class TransportError(PartnerCenterError):
    """No complete answer came (DNS, TLS, refused, cut off, too slow), a store failed, or the worker's disk is full."""

    retriable = True


class ResponseFormatError(PartnerCenterError):
    """The answer is not of the documented shape, or links to another host."""


class IncompleteResultError(PartnerCenterError):
    """The rows received do not add up to what the service stated."""

    retriable = True


class EmptyResultError(PartnerCenterError):
    """There are no rows, and the caller asked for a failure in that case."""


class ExpectationError(PartnerCenterError):
    """The rows are complete but not as the caller expects them; the previous file is untouched.

    Not retriable: Microsoft processes the data once a day at most, so a retry after minutes reads the same rows again.
    To wait for newer data is the sensor's task.

    :param message: which expectations did not hold, and what was seen.
    :param results: of all expectations, as the storage operator returns them.
    """

    def __init__(self, message: str, *, results: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.results = results


class ResultTooLargeError(PartnerCenterError):
    """The result is larger than XCom should carry."""
