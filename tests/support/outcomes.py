"""What must come out of a read that meets a fault: the declarations behind the fault matrix and its table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_partnercenter.exceptions import (
    AccessTokenRefusedError,
    ApiError,
    IncompleteResultError,
    InteractionRequiredError,
    MfaRequiredError,
    PartnerCenterError,
    ResponseFormatError,
    ServiceError,
    ThrottledError,
    TokenServiceError,
    TransportError,
)


@dataclass(frozen=True)
class Rows:
    """All rows come out.

    :param page: what is different in the rows of the page with the fault, by column.
    :param of: ``served`` are the rows of the data set; ``repeated`` those with the last one put first on the page, as
        served; ``replaced`` those of the new data; ``none`` no row.
    """

    page: Mapping[str, Any] = field(default_factory=dict)
    of: str = "served"

    @property
    def text(self) -> str:
        """In a word or two, for the table."""
        kinds = {
            "served": "all rows",
            "repeated": "as served, repeated key in the log",
            "rotated": "as served",
            "replaced": "the new data, whole",
            "none": "no rows, a warning",
        }
        changes = ", ".join(f"`{name}` {value}" for name, value in self.page.items())
        return kinds[self.of] + (f"; {changes}" if changes else "")


@dataclass(frozen=True)
class Error:
    """An error comes out.

    :param kind: its class, exactly.
    :param says: part of its sentence.
    """

    kind: type[PartnerCenterError]
    says: str

    @property
    def text(self) -> str:
        """In a word or two, for the table."""
        return f"`{self.kind.__name__}`: “{self.says}”"


Outcome = Rows | Error


@dataclass(frozen=True)
class Expected:
    """What comes out of a fault, in a parallel and in a sequential read.

    :param once: the fault hits the third page once.
    :param always: it hits that page at every attempt.
    :param everywhere: it hits every request.
    :param sequential: where a sequential read differs, by the name of the case.
    """

    once: Outcome
    always: Outcome
    everywhere: Outcome
    sequential: Mapping[str, Outcome] = field(default_factory=dict)

    def of(self, case: str, *, parallel: bool) -> Outcome:
        """Return the outcome of a case."""
        both: Outcome = getattr(self, case)
        return both if parallel else self.sequential.get(case, both)


CASES = ("once", "always", "everywhere")
ALL = Rows()


def _heals(kind: type[PartnerCenterError], says: str) -> Expected:
    """Return what comes out of a fault that another attempt heals."""
    return Expected(ALL, Error(kind, says), Error(kind, says))


def _fatal(kind: type[PartnerCenterError], says: str) -> Expected:
    """Return what comes out of a fault that no attempt heals."""
    return Expected(Error(kind, says), Error(kind, says), Error(kind, says))


def _harmless(**page: Any) -> Expected:
    """Return what comes out of a fault that costs nothing, but what ``page`` says."""
    return Expected(Rows(page), Rows(page), Rows(page))


def _doubtful(says: str, everywhere: Outcome) -> Expected:
    """Return what comes out of a page that does not fit: another read heals it, if it is right by then."""
    return Expected(ALL, Error(IncompleteResultError, says), everywhere)


_TRANSPORT = _heals(TransportError, "No complete answer")
_UNDECODABLE = _heals(ResponseFormatError, "not JSON")
_REFUSED = _fatal(ApiError, "answered 403")

_NEW = Rows(of="replaced")

EXPECTED: Mapping[str, Expected] = {
    **{f"status_{status}": _fatal(ApiError, f"answered {status}") for status in (400, 403, 404, 405, 406, 409, 412)},
    **{f"status_{status}": _heals(ServiceError, f"answered {status}") for status in (408, 500, 501, 502, 503, 504)},
    "status_401": _heals(AccessTokenRefusedError, "sign the service account in again"),
    "status_429": _heals(ThrottledError, "lower max_parallel_requests"),
    "fault_text_code": _fatal(ApiError, "code 2032: Access denied"),
    "fault_number_code": _fatal(ApiError, "code 2032: Access denied"),
    "fault_with_data": _heals(ServiceError, "code 800003: Unexpected service error"),
    "fault_gateway": _heals(ServiceError, "Internal server error"),
    "fault_nested": _fatal(ApiError, "code Forbidden: No access"),
    "fault_plain_text": _fatal(ApiError, "The role has no rights"),
    "fault_empty_body": _fatal(ApiError, "Forbidden"),
    "entra_refusal": _fatal(InteractionRequiredError, "AADSTS700082"),
    "entra_trouble": _heals(TokenServiceError, "Entra ID"),
    "throttled_seconds": _heals(ThrottledError, "Rate limit is exceeded"),
    "throttled_date": _heals(ThrottledError, "Rate limit is exceeded"),
    "throttled_sentence": _heals(ThrottledError, "Rate limit is exceeded"),
    "throttled_for_long": _fatal(ThrottledError, "Rate limit is exceeded"),
    "no_answer": _TRANSPORT,
    "reset_before_answer": _TRANSPORT,
    "reset_before_body": _TRANSPORT,
    "reset_in_body": _TRANSPORT,
    "cut_off": _TRANSPORT,
    "cut_off_unnoticed": _UNDECODABLE,
    "invalid_json": _UNDECODABLE,
    "html_200": _heals(ResponseFormatError, "an HTML page, perhaps from a proxy"),
    "html_502": _heals(ServiceError, "an HTML page: Corporate proxy"),
    "empty_body": _heals(ResponseFormatError, "0 bytes"),
    "no_content": _fatal(ResponseFormatError, "only 200 is documented"),
    "wrong_content_type": _harmless(),
    "no_bom": _harmless(),
    "gzip": _harmless(),
    "gzip_broken": _TRANSPORT,
    "slow_bytes": _harmless(),
    "too_slow": _heals(TransportError, "request_timeout_seconds may be raised"),
    "expired_token": _heals(AccessTokenRefusedError, "sign the service account in again"),
    "access_denied": _heals(AccessTokenRefusedError, "code 400: Access denied"),
    "wrong_audience": _fatal(AccessTokenRefusedError, "another audience"),
    "mfa_required": _fatal(MfaRequiredError, "code 900421"),
    "mfa_required_text": _fatal(MfaRequiredError, "code 10001"),
    "redirect": _fatal(ApiError, "redirects are not followed"),
    "link_elsewhere": _fatal(ResponseFormatError, "leads to https://partner-center.example"),
    "link_to_itself": _doubtful("leads back", Error(IncompleteResultError, "leads back")),
    "link_relative": _harmless(),
    "link_null": _doubtful("was stated", Error(IncompleteResultError, "was stated")),
    "link_missing": _doubtful("was stated", Error(IncompleteResultError, "was stated")),
    "link_no_text": _fatal(ResponseFormatError, "neither text nor null"),
    "total_wrong": _doubtful("was stated", Error(IncompleteResultError, "was stated")),
    "total_per_page": _doubtful("was stated", ALL),
    "total_missing": _harmless(),
    "total_as_text": _harmless(),
    "rows_reordered": Expected(ALL, Rows(of="repeated"), Rows(of="rotated"), {"once": Rows(of="repeated")}),
    "data_replaced": Expected(Rows(of="replaced"), Rows(of="replaced"), Rows(of="replaced")),
    "empty_result": _doubtful("was stated", Rows(of="none")),
    "rows_missing": _fatal(ResponseFormatError, "without a list of rows"),
    "unknown_fields": _harmless(additional_fields='{"licensesNew":7}'),
    "missing_fields": _harmless(product_name=None),
    "counts_as_text": _harmless(),
    "counts_as_floats": _harmless(),
    "counts_as_words": _fatal(ResponseFormatError, "not a whole number"),
}
