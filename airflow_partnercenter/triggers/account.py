"""Whose data a poll looks at: who shares it, and when a connection is another one."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from airflow_partnercenter.connection.settings import ConnectionSettings


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials and address; equal where what they lead to is.

    An access token of the connection does not count, as a secrets backend may make a new one at each read: the
    connection stands for it, since another one may have another partner's.

    :param settings: as they were first read.
    :param same: what must be the same.
    """

    settings: "ConnectionSettings" = field(compare=False)
    same: "tuple[ConnectionSettings, str | None]"

    @classmethod
    def of(cls, settings: "ConnectionSettings", conn_id: str) -> Self:
        """Return that of a connection."""
        if settings.auth_mode == "access_token":
            return cls(settings, (replace(settings, access_token=None), conn_id))
        return cls(settings, (settings, None))

    @property
    def supplier(self) -> str | None:
        """The connection that supplies the access token; None where there is a sign-in."""
        return self.same[1]
