"""Where ``login`` puts the connection: Airflow, a file only its owner can read, or, if asked for, the terminal."""

import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.private_files import replace_private


class Destination(Protocol):
    """A place for a connection."""

    def check(self) -> None:
        """Check that the connection can be written.

        :raises ConfigurationError: it cannot.
        """

    def write(self, fields: dict[str, Any]) -> str:
        """Write it and return a sentence that says where the secrets are now."""


@dataclass(frozen=True, slots=True)
class AirflowDatabase:
    """Airflow's metadata database, which encrypts passwords and Extra with its Fernet key."""

    conn_id: str

    def check(self) -> None:
        """Check that the database is there, and that it is asked for this connection at all."""
        from airflow_partnercenter.cli.airflow_connections import check_database

        check_database(self.conn_id)

    def write(self, fields: dict[str, Any]) -> str:
        """Add or update the connection."""
        from airflow_partnercenter.cli.airflow_connections import write_connection

        done, encrypted = write_connection(self.conn_id, fields)
        how = (
            "its secrets encrypted with this deployment's Fernet key"
            if encrypted
            else "its secrets NOT encrypted, as this deployment has no Fernet key ([core] fernet_key)"
        )
        return f"Connection {self.conn_id} is {done} in Airflow's metadata database, {how}."


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file with mode 0600, replaced as a whole."""

    path: Path
    text: "TextForm"

    def check(self) -> None:
        """Check that there is a folder to write into, and no folder or device in the way."""
        folder = self.path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ConfigurationError(f"{self.path} cannot be written: {folder} is no folder that you may write to.")
        if self.path.exists() and not self.path.is_file():
            raise ConfigurationError(f"{self.path} cannot be written: it is not a file.")

    def write(self, fields: dict[str, Any]) -> str:
        """Write it, for its owner alone."""
        try:
            replace_private(self.path, self.text.of(fields) + "\n")
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be written: {error.strerror}.") from None
        return (
            f"The connection, secrets included, is in {self.path}, which only you can read (mode 0600). {self.text.use}"
        )


@dataclass(frozen=True, slots=True)
class StandardOutput:
    """Standard output, for a pipe into a secrets manager."""

    text: "TextForm"
    out: TextIO

    def check(self) -> None:
        """Check nothing: the caller asked to show secrets."""

    def write(self, fields: dict[str, Any]) -> str:
        """Print the connection."""
        print(self.text.of(fields), file=self.out, flush=True)
        return f"The connection, secrets included, went to standard output, as --show-secrets asked. {self.text.use}"


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a connection is written as text.

    :param kind: ``env`` or ``json``.
    """

    kind: str
    conn_id: str

    def of(self, fields: dict[str, Any]) -> str:
        """Return the text, one line for ``env``."""
        if self.kind == "json":
            return json.dumps(fields, indent=2)
        return f"{self.variable}={shlex.quote(json.dumps(fields))}"

    @property
    def variable(self) -> str:
        """The name of the environment variable.

        :raises ConfigurationError: the connection's ID cannot be part of one.
        """
        if not re.fullmatch(r"[A-Za-z0-9_]+", self.conn_id):
            raise ConfigurationError(
                f"Connection ID {self.conn_id!r} cannot be part of an environment variable's name: use letters, digits "
                "and _ only, or --output json."
            )
        return f"AIRFLOW_CONN_{self.conn_id.upper()}"

    @property
    def use(self) -> str:
        """What to do with the text."""
        if self.kind == "env":
            return "Put the line into the environment of Airflow's workers, or of each of its components."
        return f"Keep it in your secrets backend, or add it: airflow connections add {self.conn_id} --conn-json …"


def choose_destination(output: str, conn_id: str, *, file: Path | None, show_secrets: bool, out: TextIO) -> Destination:
    """Return where to write.

    :raises ConfigurationError: the choice would show secrets that nobody asked to see, or does not fit together.
    """
    if not re.fullmatch(r"[\w#!().:/\\-]{1,250}", conn_id):
        raise ConfigurationError(f"{conn_id!r} is no connection ID: use letters, digits, _, - and . only.")
    if output == "airflow":
        if file or show_secrets:
            raise ConfigurationError("--file and --show-secrets go with --output env or --output json only.")
        return AirflowDatabase(conn_id)
    text = TextForm(output, conn_id)
    if output == "env":
        _ = text.variable
    if file:
        return SecretFile(file, text)
    if show_secrets:
        return StandardOutput(text, out)
    raise ConfigurationError(
        f"--output {output} holds the secrets: add --file PATH to write it to a file that only you can read, or "
        "--show-secrets to print it."
    )
