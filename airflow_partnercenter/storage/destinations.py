"""Where a file goes and in which format, checked before anything is read or written."""

import re
from dataclasses import dataclass
from typing import Self

from airflow_partnercenter.exceptions import ConfigurationError
from airflow_partnercenter.file_formats import WRITERS
from airflow_partnercenter.one_line import is_one_line
from airflow_partnercenter.storage.paths import refuse_keys
from airflow_partnercenter.storage.targets import target_of

#: In a destination, stands for the newest day in the file: known only when the rows have been read.
PROCESSED_DATE = "{processed_date}"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)")
_AZURE_HOST = re.compile(r"(?P<container>[^@/]+)@(?P<account>[^./]+)\.(dfs|blob)\.core\.[^/]+/(?P<key>.*)")


@dataclass(frozen=True)
class Destination:
    """A checked place and format for one file. Checking it reads and writes nothing.

    :param uri: as given, placeholder included.
    :param file_format: one of :data:`~airflow_partnercenter.file_formats.WRITERS`.
    :param compressed: whether a text format is gzipped.
    """

    uri: str
    file_format: str
    compressed: bool

    @classmethod
    def parse(cls, uri: str, file_format: str | None = None) -> Self:
        """Check a URI and find out the format by its suffix.

        :param uri: ``scheme://[connection@]bucket/key`` or ``file:///path``.
        :param file_format: needed only if the suffix is none of ``.parquet .csv .json .jsonl``, text ones also ``.gz``.
        :raises ConfigurationError: the URI or the format cannot work; the message says how to write it.
        """
        uri = checked_uri(uri)
        by_suffix, compressed = _format_of(uri)
        if file_format and file_format not in WRITERS:
            raise ConfigurationError(f"file_format {file_format!r} is not one of {', '.join(WRITERS)}.")
        if file_format and by_suffix and file_format != by_suffix:
            raise ConfigurationError(
                f"destination {uri} ends like {by_suffix}, but file_format is {file_format}: change one of them, or "
                "leave file_format away."
            )
        chosen = file_format or by_suffix
        if not chosen:
            raise ConfigurationError(
                f"destination {uri} does not end in .parquet, .csv, .json or .jsonl (text ones also .gz): "
                "change it or give file_format."
            )
        if compressed and chosen == "parquet":
            raise ConfigurationError(f"destination {uri}: Parquet compresses by itself; leave .gz away.")
        return cls(uri, chosen, compressed)

    @property
    def is_final(self) -> bool:
        """Whether the URI is known before the rows are."""
        return PROCESSED_DATE not in self.uri

    def at(self, processed_date: str | None) -> Self:
        """Return the destination with the placeholder filled in.

        :raises ConfigurationError: there is a placeholder, but no row to take a date from.
        """
        if self.is_final:
            return self
        if not processed_date:
            raise ConfigurationError(
                f"destination {self.uri} needs a processed date, but the result has none: set on_empty to skip or "
                "fail; rows of group_by have no date, so name their file without one."
            )
        return type(self)(self.uri.replace(PROCESSED_DATE, processed_date), self.file_format, self.compressed)

    def exists(self) -> bool:
        """Return whether there is something at the destination.

        :raises ConfigurationError: the store refuses to tell.
        :raises TransportError: the store failed.
        """
        return target_of(self.uri).size() is not None


def checked_uri(uri: str) -> str:
    """Return a URI that names a file, its scheme in lower case.

    :raises ConfigurationError: it does not; the message says how to write it.
    """
    example = "give a URI such as s3://connection@bucket/key.parquet"
    if uri is not None and not isinstance(uri, str):
        raise ConfigurationError(f"destination must be text, not {type(uri).__name__}: {example}.")
    if not uri or not uri.strip():
        raise ConfigurationError(f"destination is empty: {example}.")
    refuse_keys(uri)
    if not is_one_line(uri):
        # As repr, so that the message is one line; a template may have filled in a name that somebody else chose.
        raise ConfigurationError(
            f"destination {uri!r} holds a line break, a mark of writing direction or another control character: "
            "leave it out."
        )
    matched = _SCHEME.fullmatch(uri)
    if not matched:
        absolute = uri if uri.startswith("/") else f"/{uri}"
        raise ConfigurationError(
            f"destination {uri!r} has no scheme: write file://{absolute} or s3://bucket{absolute}."
        )
    scheme, rest = matched[1].lower(), matched[2]
    local = scheme in ("file", "local")
    if local and not rest.startswith("/"):
        raise ConfigurationError(f"destination {uri} has no absolute path: write three slashes, {scheme}:///{rest}.")
    if azure := _AZURE_HOST.fullmatch(rest):
        raise ConfigurationError(
            f"destination {uri} would be read as connection {azure['container']!r}; write "
            f"{scheme}://<connection>@{azure['container']}/{azure['key']} with a connection to account "
            f"{azure['account']}."
        )
    if ".." in rest.split("/"):
        raise ConfigurationError(
            f"destination {uri} has '..' for a folder, which may lead out of where files belong: write the path itself."
        )
    if rest.endswith("/") or "/" not in rest:
        raise ConfigurationError(f"destination {uri} names no file: end it in a file name such as licenses.parquet.")
    if not local and re.match(r"([^/]*@)?/", rest):
        raise ConfigurationError(f"destination {uri} names no bucket: write {scheme}://[connection@]bucket/key.")
    return f"{scheme}://{rest}"


def _format_of(uri: str) -> tuple[str | None, bool]:
    name = uri.rsplit("/", 1)[-1].lower()
    compressed = name.endswith(".gz")
    suffix = name.removesuffix(".gz").rsplit(".", 1)[-1] if "." in name else ""
    return (suffix if suffix in WRITERS else None), compressed
