"""What ``login`` is to do: the options, over what the existing connection says, checked as the hook would check it."""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TextIO, cast
from urllib.parse import urlsplit

from airflow_partnercenter.api.clouds import CLOUDS
from airflow_partnercenter.api.entra.credentials import AppUserCredentials
from airflow_partnercenter.cli.destinations import Destination, choose_destination
from airflow_partnercenter.connection.credentials import credentials_of
from airflow_partnercenter.connection.settings import CONNECTION_TYPE, ConnectionSettings, read_connection
from airflow_partnercenter.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_CONN_ID = "partner_center_default"
#: Stands in for what is still to come, so that the rest of the connection can be checked before anybody signs in.
_TO_COME = "to-come"
#: Without a cache the refresh token would die after 90 days, which nobody signs in for.
_TOKEN_CACHE = "variable:partner_center_token_cache"  # noqa: S105 - a name
#: By what an application can prove itself instead of a secret; an existing connection may have one.
_OTHER_PROOFS = ("certificate", "federated_token_file", "managed_identity_client_id")


@dataclass(frozen=True, slots=True)
class LoginPlan:
    """A checked login.

    :param settings: of the connection as it will be; its refresh token stands for the one to come.
    :param credentials: the application, and what it proves itself by; of no use for a task yet.
    """

    conn_id: str
    settings: ConnectionSettings
    credentials: AppUserCredentials
    destination: Destination
    fields: dict[str, Any] = field(repr=False)

    @property
    def audience(self) -> str:
        """The resource that tokens must be for."""
        return CLOUDS[self.settings.cloud].audience

    @property
    def authority(self) -> str:
        """The login host."""
        return self.settings.authority or CLOUDS[self.settings.cloud].authority

    def fields_with(self, refresh_token: str) -> dict[str, Any]:
        """Return the connection to write, in the form of ``AIRFLOW_CONN_*``."""
        fields = deepcopy(self.fields)
        fields["extra"]["refresh_token"] = refresh_token
        return fields


def make_plan(arguments: argparse.Namespace, *, say: Callable[[str], None], out: TextIO) -> LoginPlan:
    """Return what the arguments ask for.

    :param say: told what a person should know.
    :param out: standard output, for a connection that is to be printed.
    :raises ConfigurationError: something is missing, or cannot work.
    """
    conn_id = arguments.conn_id or DEFAULT_CONN_ID
    destination = choose_destination(
        arguments.output, conn_id, file=arguments.file, show_secrets=arguments.show_secrets, out=out
    )
    fields = _existing(arguments, say) or {"conn_type": CONNECTION_TYPE, "extra": {"token_cache": _TOKEN_CACHE}}
    _lay_over(fields, arguments)
    if (mode := fields["extra"].get("auth_mode")) not in (None, "", "app_user"):
        say(f"auth_mode of the connection changes from {mode} to app_user, which is what a refresh token is for.")
        fields["extra"]["auth_mode"] = "app_user"
    _require_names(fields)
    _set_secret(fields, arguments)
    settings = _check(conn_id, fields)
    credentials = cast("AppUserCredentials", credentials_of(settings))
    return LoginPlan(conn_id, settings, credentials, destination, fields)


def _existing(arguments: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the connection that ``--conn-id`` names, or that Airflow is to be given, if there is one."""
    if not arguments.conn_id and arguments.output != "airflow":
        return None
    from airflow_partnercenter.cli.airflow_connections import find_connection

    conn_id = arguments.conn_id or DEFAULT_CONN_ID
    complete = arguments.tenant_id and arguments.client_id
    try:
        found = find_connection(conn_id)
    except ConfigurationError:
        if complete and arguments.output != "airflow":
            return None
        raise
    if found:
        say(f"Connection {conn_id} is read from {found.source}.")
        return found.fields()
    if not complete:
        raise ConfigurationError(
            f"Connection {conn_id!r} does not exist: give --tenant-id and --client-id to make it, or name another by "
            "--conn-id."
        )
    return None


def _lay_over(fields: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Put what the options say into the connection."""
    if arguments.proxy and urlsplit(arguments.proxy).password:
        raise ConfigurationError(
            "--proxy holds a password, which everybody on this machine could read: set HTTPS_PROXY instead, or put the "
            "proxy into the connection."
        )
    if arguments.client_id:
        fields["login"] = arguments.client_id
    if arguments.host:
        fields["host"] = arguments.host
        fields.pop("port", None)
    bundle = str(Path(arguments.ca_bundle).absolute()) if arguments.ca_bundle else None
    given = {
        "tenant_id": arguments.tenant_id,
        "cloud": arguments.cloud,
        "authority": arguments.authority,
        "ca_bundle": bundle,
        "proxy": arguments.proxy,
    }
    fields["extra"] |= {name: value for name, value in given.items() if value}
    if (cache := arguments.token_cache) is not None:
        fields["extra"]["token_cache"] = "" if cache == "none" else cache


def _require_names(fields: dict[str, Any]) -> None:
    """Ask for what only the person knows, by the names of the options."""
    missing = [
        flag
        for flag, value in (("--client-id", fields.get("login")), ("--tenant-id", fields["extra"].get("tenant_id")))
        if not value
    ]
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} must be given, or be in the connection that --conn-id names."
        )


def _set_secret(fields: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Put the client secret into the connection, from the one place that was named."""
    sources = [
        name
        for name in ("client_secret_env", "client_secret_file", "client_secret_stdin", "public_client")
        if getattr(arguments, name)
    ]
    if len(sources) > 1:
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in sources)
        raise ConfigurationError(f"{flags} exclude each other.")
    if arguments.public_client:
        fields.pop("password", None)
        for name in _OTHER_PROOFS:
            fields["extra"].pop(name, None)
        return
    if secret := _given_secret(arguments):
        fields["password"] = secret
        return
    # A connection with a refresh token is complete: without any proof it is a public client's. And a device code needs
    # no proof: whoever has one says so.
    complete = fields.get("password") or any(fields["extra"].get(name) for name in (*_OTHER_PROOFS, "refresh_token"))
    if not complete and not arguments.device_code and (secret := _ask_for_secret()):
        fields["password"] = secret


def _given_secret(arguments: argparse.Namespace) -> str | None:
    if name := arguments.client_secret_env:
        return _not_empty(os.environ.get(name), f"the environment variable {name}")
    if path := arguments.client_secret_file:
        try:
            return _not_empty(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The client secret cannot be read from {path}: {error}.") from None
    return _not_empty(sys.stdin.readline(), "standard input") if arguments.client_secret_stdin else None


def _not_empty(text: str | None, source: str) -> str:
    if not (text or "").strip():
        raise ConfigurationError(f"There is no client secret in {source}.")
    return str(text).strip()


def _ask_for_secret() -> str | None:
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "A client secret is needed: give it by --client-secret-env, --client-secret-file or --client-secret-stdin, "
            "or say --public-client if the application has none."
        )
    return getpass.getpass("Client secret (not shown; empty if the application has none): ").strip() or None


def _check(conn_id: str, fields: dict[str, Any]) -> ConnectionSettings:
    """Check the connection as the hook will, with stand-ins for what is still to come.

    :raises ConfigurationError: a field cannot work.
    """
    extra = fields["extra"] | {"refresh_token": _TO_COME}
    connection = SimpleNamespace(
        conn_id=conn_id,
        login=fields.get("login"),
        password=fields.get("password"),
        host=fields.get("host"),
        port=fields.get("port"),
        extra=json.dumps(extra),
    )
    return read_connection(cast("Connection", connection))
