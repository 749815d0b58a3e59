"""The names of one file: Airflow's asset, OpenLineage's dataset, a web address.

A destination is written ``scheme://connection@bucket/key``; none of the names holds the connection, as several may lead
to the same file.
"""

import os
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

#: Other spellings of a scheme that lead to the same store.
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfss": "abfs", "adl": "abfs", "local": "file"}
_AWS_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}

#: Where AWS's libraries look for an endpoint that is not AWS's own, beside the connection.
_AWS_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True, slots=True)
class FileLocation:
    """Where a file lies, without the connection that leads there.

    :param scheme: ``s3``, ``gs``, ``abfs``, ``file`` or another one as given.
    :param bucket: bucket or container; empty for local files.
    :param key: key in the bucket, or the absolute path of a local file.
    """

    scheme: str
    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Self:
        """Take a destination apart."""
        scheme, rest = uri.split("://", 1)
        scheme = _SCHEMES.get(scheme.lower(), scheme.lower())
        if scheme == "file":
            return cls(scheme, "", f"/{rest.lstrip('/')}")
        authority, key = rest.split("/", 1)
        return cls(scheme, authority.rsplit("@", 1)[-1], key)

    @property
    def uri(self) -> str:
        """URI of the file, character by character as it is called."""
        return f"{self.scheme}://{self.key}" if self.scheme == "file" else f"{self.scheme}://{self.bucket}/{self.key}"

    @property
    def asset_uri(self) -> str:
        """URI of the file as an Airflow asset.

        Airflow drops ``#…`` from the URI of an asset and sorts ``?…``, which would make another file of it.
        """
        return self.uri.replace("?", "%3F").replace("#", "%23")

    def openlineage_name(self, filesystem: Any) -> tuple[str, str]:
        """Return the file's namespace and name as an OpenLineage dataset.

        :param filesystem: fsspec's, which knows the storage account of Azure; None for a local file.

        Source: https://openlineage.io/docs/spec/naming (read 2026-11-25)
        """
        if self.scheme == "file":
            return "file", self.key
        account = _azure_account(filesystem)[0] if self.scheme == "abfs" else None
        if account:
            return f"abfss://{self.bucket}@{account}.dfs.core.windows.net", self.key
        return f"{self.scheme}://{self.bucket}", self.key

    def web_address(self, filesystem: Any) -> str | None:
        """Return where a person finds the file in a browser, or None: local files and private stores have no such page.

        :param filesystem: fsspec's, which knows endpoint, region and account; None for a local file. No key and no
            signature of it is used.
        """
        address = {"s3": self._in_aws, "gs": self._in_google_cloud, "abfs": self._in_azure}.get(self.scheme)
        return address(filesystem) if address else None

    def _in_aws(self, filesystem: Any) -> str | None:
        endpoint = getattr(filesystem, "endpoint_url", None) or next(
            filter(None, map(os.environ.get, _AWS_ENDPOINTS)), None
        )
        if endpoint and not _is_below(endpoint, "amazonaws.com", "amazonaws.com.cn"):
            return None
        session = getattr(filesystem, "session", None)
        region = (session and session.get_config_variable("region")) or ""
        console = next((host for start, host in _AWS_CONSOLES.items() if region.startswith(start)), None)
        return f"https://{console or 'console.aws.amazon.com'}/s3/object/{self.bucket}?prefix={quote(self.key)}"

    def _in_google_cloud(self, filesystem: Any) -> str | None:
        endpoint = getattr(filesystem, "_endpoint", None)
        if endpoint and not _is_below(endpoint, "googleapis.com"):
            return None
        return f"https://console.cloud.google.com/storage/browser/_details/{self.bucket}/{quote(self.key)}"

    def _in_azure(self, filesystem: Any) -> str | None:
        """Return the blob's own address: the portal's needs subscription and resource group, which nobody told us."""
        host = _azure_account(filesystem)[1]
        return f"https://{host}/{self.bucket}/{quote(self.key)}" if host else None


def _azure_account(filesystem: Any) -> tuple[str | None, str | None]:
    """Return a storage account and the public host of its blobs, as far as the filesystem's settings tell."""
    text = getattr(filesystem, "connection_string", None) or ""
    settings = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    endpoint = urlsplit(settings.get("BlobEndpoint", "")).hostname or ""
    in_azure = ".blob." in endpoint
    account = getattr(filesystem, "account_name", None) or settings.get("AccountName")
    account = account or (endpoint.split(".")[0] if in_azure else None)
    if endpoint:
        return account, endpoint if in_azure else None
    suffix = settings.get("EndpointSuffix", "core.windows.net")
    return account, getattr(filesystem, "account_host", None) or (account and f"{account}.blob.{suffix}")


def _is_below(url: str, *domains: str) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
