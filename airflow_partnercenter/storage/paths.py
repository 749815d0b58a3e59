"""A URI becomes a path on a filesystem, its connection checked first."""

import re
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, ObjectStoragePath

from airflow_partnercenter.exceptions import ConfigurationError

_LOCAL_SCHEMES = ("file://", "local://")
#: ``KEY:SECRET@`` before the bucket. A secret may hold slashes, so the ``@`` need not stand before the first one; a key
#: may hold ``@``, and then no colon stands before the first slash, but in the name of an S3 access point. (One before
#: a port is refused too, as secrets may begin like a port; the connection has a place for it.)
_KEYS = re.compile(r"([^:/@]*://)?+(?!arn:aws)[^/@]*(:|%3A)[^@]*@", re.IGNORECASE)


def is_local(uri: str) -> bool:
    """Return whether a checked URI names a file on the worker."""
    return uri.startswith(_LOCAL_SCHEMES)


def require_scheme(uri: str) -> None:
    """Refuse what is no URI.

    :raises ConfigurationError: it has no scheme; the message says how to write it.
    """
    if "://" not in uri:
        raise ConfigurationError(f"{uri!r} has no scheme: write file:///path or scheme://[connection@]bucket/key.")


def refuse_keys(uri: str) -> None:
    """Refuse a URI that carries keys or a password, without repeating it: it would be in the log.

    :raises ConfigurationError: it does; the message says where they belong.
    """
    if _KEYS.match(uri):
        raise ConfigurationError(
            "destination has a ':' before an '@', as a URI with keys or a password has; it is not repeated here. Put "
            "the keys into an Airflow connection, whose ID has no ':', and write scheme://connection@bucket/key."
        )


def open_path(uri: str) -> ObjectStoragePath:
    """Return the path of a URI, its connection checked first: the filesystem layer swallows an unknown one.

    :raises ConfigurationError: the connection, the scheme or the library for it is not there, or the connection is
        not one that its library can use; or the URI has no scheme, or carries keys.
    """
    refuse_keys(uri)
    require_scheme(uri)
    conn_id = connection_id(uri)
    try:
        if conn_id:
            BaseHook.get_connection(conn_id)
        path = ObjectStoragePath(uri)
        if not is_local(uri):
            path.fs  # noqa: B018 - attaches the filesystem, which is where a missing library shows
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"{uri} names connection {conn_id!r}, which does not exist: create it, or write "
            "scheme://connection@bucket/key with one that does."
        ) from None
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"{uri} cannot be opened ({error}): check the scheme, and install what it needs, such as "
            "'airflow-provider-partnercenter[s3]', [azure] or [gcs]; then check the connection."
        ) from error
    return path


def filesystem_of(path: ObjectStoragePath) -> Any:
    """Return the filesystem of an opened path, with its credentials; None for a local file.

    To find the filesystem of any path Airflow loads those of all installed providers, which takes a fifth of a second.
    """
    return None if is_local(str(path)) else path.fs


def connection_id(uri: str) -> str | None:
    """Return the connection that a URI names, if it does."""
    authority = uri.split("://", 1)[1].split("/", 1)[0]
    return authority.rsplit("@", 1)[0] if "@" in authority else None
