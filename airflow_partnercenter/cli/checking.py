"""The steps of ``check``, each one a fact that the next one needs."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.cli.responsible import HOLDER, KEEPER, OPERATOR, who_must_act
from airflow_partnercenter.exceptions import (
    ConfigurationError,
    PartnerCenterError,
    TransportError,
)

if TYPE_CHECKING:
    from airflow_partnercenter.api.client import PartnerCenterClient
    from airflow_partnercenter.api.entra.claims import TokenClaims
    from airflow_partnercenter.connection.settings import ConnectionSettings

_RESOURCE = "licenses_deployment"
_TITLES = {
    "connection": "Connection",
    "token": "Access token",
    "partner_center": "Partner Center",
    "license_row": "Licence data",
}


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step.

    :param name: for machines: ``connection``, ``token``, ``partner_center`` or ``license_row``.
    :param ok: None if it was not tried, because an earlier one failed.
    :param message: a sentence without any secret.
    :param who: the person who must act, if it failed.
    :param details: facts for machines.
    """

    name: str
    ok: bool | None
    message: str
    who: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The step in words."""
        return _TITLES[self.name]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "step": self.name,
            "ok": self.ok,
            "message": self.message,
            "who_must_act": self.who,
            "details": self.details,
        }


def check_connection(conn_id: str) -> Iterator[Step]:
    """Yield the outcome of each step as it is known: four steps, whatever happens."""
    to_do = list(_TITLES)
    try:
        for step in _steps(conn_id):
            to_do.remove(step.name)
            yield step
    except Exception as error:  # a secrets backend, Airflow or its configuration may raise anything
        if to_do:
            yield _unexpected(to_do.pop(0), error)
    for name in to_do:
        yield Step(name, None, "not tried")


def _steps(conn_id: str) -> Iterator[Step]:
    from airflow_partnercenter.hooks.partner_center import build_client
    from airflow_partnercenter.token_caches import add_word_of_cache

    try:
        settings, source = _read(conn_id)
        client = build_client(settings, patient=False)
    except PartnerCenterError as error:
        yield _failed("connection", error)
        return
    place = settings.base_url or settings.cloud
    yield Step(
        "connection",
        True,
        f"{conn_id} from {source}: {settings.auth_mode}, tenant {settings.tenant_id or 'not given'}, {place}",
        details={"source": source, "auth_mode": settings.auth_mode, "tenant_id": settings.tenant_id},
    )
    with client:
        try:
            claims = client.token_claims()
        except PartnerCenterError as error:
            yield replace(_failed("token", error), message=add_word_of_cache(error, settings.token_cache).rstrip("."))
            return
        yield _token_step(claims, settings)
        yield from _read_a_row(client)


def _read(conn_id: str) -> tuple["ConnectionSettings", str]:
    from airflow_partnercenter.cli.airflow_connections import find_connection
    from airflow_partnercenter.connection.settings import read_connection

    found = find_connection(conn_id)
    if found is None:
        raise ConfigurationError(
            f"Connection {conn_id!r} does not exist in a secrets backend, the environment or the metadata database: "
            f"make it by `airflow-partnercenter login --conn-id {conn_id}`, in Airflow's UI, or name another one."
        )
    return read_connection(found.connection), found.source


def _token_step(claims: "TokenClaims", settings: "ConnectionSettings") -> Step:
    """Return what the token says; only a user's one must be for a user."""
    from airflow_partnercenter.api.clouds import CLOUDS
    from airflow_partnercenter.api.entra.claims import objections

    details = {
        "auth_mode": settings.auth_mode,
        "tenant_id": claims.tenant_id,
        "audience": claims.audience,
        "expires_at": f"{claims.expires_at:%Y-%m-%dT%H:%M:%SZ}" if claims.expires_at else None,
        "mfa": claims.mfa,
        "user": claims.user,
        "readable": claims.readable,
    }
    if settings.auth_mode == "app_only":
        message = "the application signed in by itself (app_only), but the licence resources accept App+User only"
        return Step("token", False, message, KEEPER, details)
    found = objections(claims, audience=CLOUDS[settings.cloud].audience, tenant_id=settings.tenant_id)
    if found:
        who = KEEPER if settings.auth_mode == "access_token" else HOLDER
        return Step("token", False, "; ".join(found), who, details)
    return Step("token", True, _token_message(claims, settings), details=details)


def _token_message(claims: "TokenClaims", settings: "ConnectionSettings") -> str:
    if not claims.readable:
        return (
            f"acquired ({settings.auth_mode}); it is opaque, so audience, expiry and MFA are for Partner Center to say"
        )
    parts = [settings.auth_mode, f"tenant {claims.tenant_id}", f"audience {claims.audience}", f"user {claims.user}"]
    if claims.expires_at:
        minutes = (claims.expires_at - datetime.now(UTC)).total_seconds() / 60
        parts.append(f"expires {claims.expires_at:%H:%M} UTC (in {minutes:.0f} minutes)")
    return f"acquired ({', '.join([*parts, 'MFA proved'])})"


def _read_a_row(client: "PartnerCenterClient") -> Iterator[Step]:
    """Ask for one row: any answer says that Partner Center is reached, a row says that all of it works."""
    reached = Step("partner_center", True, "reached")
    try:
        with closing(client.iter_licenses(_RESOURCE, page_size=1, max_parallel_requests=1)) as reader:
            next(reader, None)
            rows, newest = reader.row_count, reader.newest
    except TransportError as error:
        yield _failed("partner_center", error)
        return
    except PartnerCenterError as error:
        yield reached
        yield _failed("license_row", error)
        return
    yield reached
    message = f"one row of {_RESOURCE} read, processed {newest}" if rows else f"{_RESOURCE} answered, with no rows yet"
    yield Step("license_row", True, message, details={"resource": _RESOURCE, "rows": rows, "newest": newest})


def _unexpected(name: str, error: Exception) -> Step:
    """Return the failure of a step by the kind of error alone: nobody knows what its text may hold."""
    kind = type(error).__name__
    message = f"an unexpected {kind} ended the check: run it where `airflow connections list` works, or report it"
    return Step(name, False, message, OPERATOR, {"error": kind})


def _failed(name: str, error: PartnerCenterError) -> Step:
    details = {
        "error": type(error).__name__,
        "status_code": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "retriable": error.retriable,
        "correlation_id": error.correlation_id,
    }
    return Step(name, False, str(error).rstrip("."), who_must_act(error), details)
