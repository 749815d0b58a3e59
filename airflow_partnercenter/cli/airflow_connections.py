"""Connections as Airflow keeps them: found wherever Airflow would look, written into its metadata database.

Tasks of Airflow 3 ask the API server. A command line beside it has the database itself, and does what Airflow's own
``airflow connections`` does: the process is declared a server, and Airflow's models do the rest.
"""

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.connection.settings import CONNECTION_NAME, CONNECTION_TYPE
from airflow_partnercenter.connection.values import extra_by_name
from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.get_provider_info import HTTPS_PORT, port_is_needed_for_test

if TYPE_CHECKING:
    from airflow.models import Connection

_DATABASE = "the metadata database"
_PLAIN_FIELDS = ("conn_type", "description", "host", "login", "schema", "port")


@dataclass(frozen=True, slots=True)
class FoundConnection:
    """A connection and where it came from.

    :param source: in words, such as "the environment variable AIRFLOW_CONN_X".
    """

    connection: "Connection"
    source: str

    @property
    def is_in_database(self) -> bool:
        """Whether it can be changed here."""
        return self.source == _DATABASE

    def fields(self) -> dict[str, Any]:
        """Return it in the form of ``AIRFLOW_CONN_*``, Extra as an object."""
        connection = self.connection
        standard = {name: getattr(connection, name) for name in (*_PLAIN_FIELDS, "password")}
        standard["conn_type"] = standard["conn_type"] or CONNECTION_TYPE
        kept = {name: value for name, value in standard.items() if value not in (None, "")}
        return kept | {"extra": extra_by_name(connection.extra, connection.conn_id or "")}


def find_connection(conn_id: str) -> FoundConnection | None:
    """Return a connection from the place that Airflow takes it from: secrets backends, environment, database.

    :return: None if no place has it.
    :raises ConfigurationError: no place has it, and one of them could not be asked; it is of another type; or Airflow's
        database has no tables yet.
    """
    with_database()
    from airflow.configuration import ensure_secrets_loaded

    trouble: list[str] = []
    for backend in ensure_secrets_loaded():
        source = _source(type(backend).__name__, conn_id)
        try:
            connection = backend.get_connection(conn_id)
        except Exception as error:  # a backend may raise anything; Airflow itself goes on to the next one
            if type(error).__name__ == "InvalidToken":
                raise ConfigurationError(
                    f"Connection {conn_id!r} of {source} cannot be decrypted here: set [core] fernet_key as Airflow's "
                    "other components have it."
                ) from None
            if source == _DATABASE and _lacks_tables(error):
                raise _no_tables() from None
            trouble.append(f"{source} cannot be read ({_first_line(error)})")
            continue
        if connection:
            _check_type(conn_id, connection.conn_type)
            return FoundConnection(connection, source)
    if trouble:
        raise ConfigurationError(
            f"Connection {conn_id!r} was not found, but {' and '.join(trouble)}: run this where `airflow connections "
            "list` works."
        )
    return None


def with_database() -> None:
    """Let Airflow look into its metadata database, as its own command line does."""
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"


def check_database(conn_id: str) -> None:
    """Check that a connection can be written, before anybody signs in.

    :raises ConfigurationError: the database cannot be reached, or another place has the connection and would win.
    """
    found = find_connection(conn_id)
    if found and not found.is_in_database:
        raise ConfigurationError(
            f"Connection {conn_id!r} comes from {found.source}, which Airflow prefers to its database: use --output "
            "env or --output json, and put the result there."
        )
    _stored(conn_id)


def write_connection(conn_id: str, fields: dict[str, Any]) -> tuple[str, bool]:
    """Write a connection into the metadata database, a new one or in place of all fields of the old one.

    :param fields: as of ``AIRFLOW_CONN_*``, Extra as an object; what is left out is empty afterwards.
    :return: ``updated`` or ``added``, and whether the secrets are encrypted.
    :raises ConfigurationError: the database does not take it.
    """
    with_database()
    try:
        return _write(conn_id, fields)
    except Exception as error:
        raise ConfigurationError(
            f"Airflow's metadata database does not take the connection ({_first_line(error)}): sign in again, with "
            "--output env or --output json."
        ) from None


def _write(conn_id: str, fields: dict[str, Any]) -> tuple[str, bool]:
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        stored = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
        done = "updated" if stored else "added"
        if stored is None:
            stored = Connection(conn_id=conn_id)
            session.add(stored)
        for name in _PLAIN_FIELDS:
            setattr(stored, name, fields.get(name))
        if stored.port is None and port_is_needed_for_test():
            stored.port = HTTPS_PORT
        # In place of a setter, as Airflow's own keeps the old password when it is given none.
        stored._password, stored.is_encrypted = None, False
        stored.set_password(fields.get("password"))
        stored.set_extra(json.dumps(fields["extra"]))
        return done, bool(stored.is_extra_encrypted)


def _stored(conn_id: str) -> bool:
    """Return whether the database has a connection."""
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    try:
        with create_session() as session:
            return session.scalar(select(Connection.id).where(Connection.conn_id == conn_id)) is not None
    except Exception as error:
        if _lacks_tables(error):
            raise _no_tables() from None
        raise ConfigurationError(
            f"Airflow's metadata database cannot be used from here ({_first_line(error)}): run this where `airflow "
            "connections list` works, or use --output env or --output json."
        ) from None


def _source(backend: str, conn_id: str) -> str:
    if backend == "EnvironmentVariablesBackend":
        return f"the environment variable AIRFLOW_CONN_{conn_id.upper()}"
    return _DATABASE if backend == "MetastoreBackend" else f"the secrets backend {backend}"


def _check_type(conn_id: str, conn_type: str | None) -> None:
    if conn_type and conn_type != CONNECTION_TYPE:
        raise ConfigurationError(
            f"Connection {conn_id!r} is of type {conn_type!r}, not of type {CONNECTION_NAME} ({CONNECTION_TYPE})."
        )


def _lacks_tables(error: Exception) -> bool:
    """Return whether a database is new and empty, as SQLite, PostgreSQL and MySQL say it."""
    return bool(re.search(r"no such table|relation \"\w+\" does not exist|Table '[^']+' doesn't exist", str(error)))


def _no_tables() -> ConfigurationError:
    return ConfigurationError(
        "Airflow's metadata database has no tables yet: run `airflow db migrate` first, or set AIRFLOW_HOME as "
        "Airflow's other components have it."
    )


def _first_line(error: Exception) -> str:
    """Return the kind of an error and the beginning of its text, without the addresses of databases."""
    text = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {re.sub(r'[a-z0-9+]+://[^ ]+', '…', text)}"
