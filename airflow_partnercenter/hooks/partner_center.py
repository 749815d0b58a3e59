"""An Airflow connection becomes a Partner Center client."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException, BaseHook

from airflow_partnercenter.assets import resource_uri
from airflow_partnercenter.connection.settings import (
    CONNECTION_FIELDS,
    CONNECTION_NAME,
    CONNECTION_TYPE,
    read_connection,
)
from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError
from airflow_partnercenter.get_provider_info import field_behaviour
from airflow_partnercenter.imports import uninterrupted
from airflow_partnercenter.lineage import report_input
from airflow_partnercenter.unexpected import describe_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, Unpack

    import pandas as pd

    from airflow_partnercenter.api.client import LicenseReader, PartnerCenterClient, QueryArguments
    from airflow_partnercenter.api.wire.retrying import RetryPolicy
    from airflow_partnercenter.connection.settings import ConnectionSettings

    T = TypeVar("T")

logger = logging.getLogger(__name__)

#: A connection test runs inside the API server, where a person waits for it.
_TEST_TOTAL_SECONDS = 20.0
_TEST_REQUEST_SECONDS = 15


class PartnerCenterHook(BaseHook):
    """Reads Microsoft Partner Center's licence analytics with the credentials of an Airflow connection.

    Constructing it reads no connection and sends nothing.

    :param partner_center_conn_id: connection of type ``partner_center``.
    """

    conn_name_attr = "partner_center_conn_id"
    default_conn_name = "partner_center_default"
    conn_type = CONNECTION_TYPE
    hook_name = CONNECTION_NAME
    #: Patience of all reads, for a subclass that wants another; None goes by the connection's ``retry_total_seconds``.
    retry: "RetryPolicy | None" = None

    def __init__(self, partner_center_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.partner_center_conn_id = partner_center_conn_id

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is open or secret: a copy or a pickle of a used hook reads its connection itself."""
        # A used logger of Airflow's cannot be pickled, and is made anew.
        left = ("_client", "_checked_settings", "_log")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def get_conn(self) -> "PartnerCenterClient":
        """Return the client; the same one at each call.

        :raises ConfigurationError: the connection cannot work as written.
        """
        return self._client

    def list_licenses(self, resource: str, **query: "Unpack[QueryArguments]") -> list[dict[str, Any]]:
        """Return all rows of a licence resource as plain JSON values.

        See :meth:`airflow_partnercenter.api.client.PartnerCenterClient.list_licenses`.
        """
        rows = self.get_conn().list_licenses(resource, **query)
        report_input(self, self.resource_uri(resource))
        return rows

    def iter_licenses(self, resource: str, **query: "Unpack[QueryArguments]") -> "LicenseReader":
        """Return an iterator over the Arrow batches of a licence resource, for results of any size.

        See :meth:`airflow_partnercenter.api.client.PartnerCenterClient.iter_licenses`.
        """
        reader = self.get_conn().iter_licenses(resource, **query)
        report_input(self, self.resource_uri(resource))
        return reader

    def read_whole(
        self, resource: str, consume: "Callable[[LicenseReader], T]", **query: "Unpack[QueryArguments]"
    ) -> "T":
        """Return what ``consume`` makes of a complete read.

        See :meth:`airflow_partnercenter.api.client.PartnerCenterClient.read_whole`.
        """
        result = self.get_conn().read_whole(resource, consume, **query)
        report_input(self, self.resource_uri(resource))
        return result

    def get_df(self, resource: str, **query: "Unpack[QueryArguments]") -> "pd.DataFrame":
        """Return all rows of a licence resource as a frame.

        :return: frame of shape (n_rows, n_declared_columns + 1), order as served. Counts are ``Int64``, percents
            ``Float64``, texts ``string`` and times ``datetime64[us, UTC]``; what the service left out is ``<NA>``, and
            ``NaT`` among times.
        """
        import pandas as pd
        import pyarrow as pa

        def to_table(reader: "LicenseReader") -> pa.Table:
            return pa.Table.from_batches(reader, schema=reader.schema)

        dtypes = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}
        table = self.read_whole(resource, to_table, **query)
        frame: pd.DataFrame = table.to_pandas(types_mapper=dtypes.get)
        return frame

    def list_customers(self) -> list[dict[str, Any]]:
        """Return the partner's customers as plain JSON values.

        See :meth:`airflow_partnercenter.api.client.PartnerCenterClient.list_customers`.
        """
        return self.get_conn().list_customers()

    def resource_uri(self, resource: str) -> str:
        """Return the URI of a resource of this connection's partner, as an asset and in lineage.

        :return: ``partnercenter://<host>/<tenant>/<resource>``; see :mod:`airflow_partnercenter.assets`.
        """
        from airflow_partnercenter.api.clouds import CLOUDS

        settings = self._checked_settings
        address = urlsplit(settings.base_url or CLOUDS[settings.cloud].base_url)
        return resource_uri(address.netloc, settings.tenant_id, resource)

    def test_connection(self) -> tuple[bool, str]:
        """Sign in and read one licence row.

        :return: whether it worked, and one sentence that says what is wrong and who must do what.
        """
        from airflow_partnercenter.token_caches import add_word_of_cache

        settings = None
        try:
            settings = self._settings()
            with build_client(settings, patient=False) as client:
                client.probe()
        except PartnerCenterError as error:
            return False, add_word_of_cache(error, settings.token_cache if settings else None)
        except Exception as error:  # Airflow shows a sentence, whatever happens
            return False, describe_unexpected(error, "The connection test")
        if settings.auth_mode == "access_token":
            return True, "Read a licence row with the access token of the connection (access_token)."
        return True, f"Signed in to tenant {settings.tenant_id} ({settings.auth_mode}) and read a licence row."

    @cached_property
    def _client(self) -> "PartnerCenterClient":
        return build_client(
            self._checked_settings,
            patient=True,
            retry=self.retry,
            newer_access_token=lambda: self._settings().access_token,
        )

    @cached_property
    def _checked_settings(self) -> "ConnectionSettings":
        return self._settings()

    def _settings(self) -> "ConnectionSettings":
        try:
            connection = self.get_connection(self.partner_center_conn_id)
        except AirflowNotFoundException:
            raise no_such_connection(self.partner_center_conn_id) from None
        return read_connection(connection)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how Airflow 2 shows the standard fields; Airflow 3 reads the provider's metadata instead."""
        return field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the further fields for Airflow 2; Airflow 3 reads the provider's metadata instead."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import IntegerField, PasswordField, StringField
        from wtforms.validators import Optional, any_of

        # Airflow 2 refuses the whole hook over any other class of field, a drop-down included.
        def widget(item: Any) -> Any:
            common = {"label": item.label, "description": item.help, "default": item.default}
            if item.secret:
                return PasswordField(widget=BS3PasswordFieldWidget(), **common)
            if item.whole_number:
                return IntegerField(widget=BS3TextFieldWidget(), validators=[Optional()], **common)
            checks = [Optional(), any_of(item.choices)] if item.choices else []
            return StringField(widget=BS3TextFieldWidget(), validators=checks, **common)

        return {item.name: widget(item) for item in CONNECTION_FIELDS}


@contextmanager
def failing_fast() -> Iterator[None]:
    """Let retriable errors through; turn the rest into a failure that Airflow does not retry.

    :raises AirflowFailException: from a :class:`PartnerCenterError` that no retry heals.
    """
    try:
        yield
    except PartnerCenterError as error:
        if error.retriable:
            raise
        raise AirflowFailException(str(error)) from error


def no_such_connection(conn_id: str) -> ConfigurationError:
    """Return the error that says so."""
    return ConfigurationError(
        f"Connection {conn_id!r} does not exist: create one of type {CONNECTION_NAME} by that name, or name another "
        "one by partner_center_conn_id."
    )


def build_client(
    settings: "ConnectionSettings",
    *,
    patient: bool,
    retry: "RetryPolicy | None" = None,
    on_secret: "Callable[[str], None] | None" = None,
    newer_access_token: "Callable[[], str | None] | None" = None,
) -> "PartnerCenterClient":
    """Build the client. Imports stay in here: parsing a DAG must not load msal, requests and pyarrow.

    :param patient: whether nobody waits in front of a screen; only then the token cache is used.
    :param on_secret: told every secret; by default Airflow's masker is.
    :param newer_access_token: asked for another one when Partner Center refuses the connection's access token.
    :raises ConfigurationError: the certificate cannot be used.
    """
    with uninterrupted():
        from airflow_partnercenter.api.client import PartnerCenterClient
        from airflow_partnercenter.api.wire.network import Network
        from airflow_partnercenter.connection.credentials import credentials_of, secrets_of
        from airflow_partnercenter.token_caches import token_store

    timeout, mask_secret = settings.request_timeout_seconds, on_secret or _mask_secret()
    for secret in secrets_of(settings):
        mask_secret(secret)
    return PartnerCenterClient(
        credentials_of(settings, newer_access_token=newer_access_token),
        cloud=settings.cloud,
        base_url=settings.base_url,
        authority=settings.authority,
        commercial_prefix=settings.commercial_prefix,
        network=Network(
            ca_bundle=settings.ca_bundle,
            proxy=settings.proxy,
            request_timeout_seconds=timeout if patient else min(timeout, _TEST_REQUEST_SECONDS),
            max_response_bytes=settings.max_response_megabytes << 20,
        ),
        retry=retry or _retry(settings, patient=patient),
        locale=settings.locale,
        application_name=settings.application_name,
        on_secret=mask_secret,
        # A connection test spends no token of the cache and leaves none there.
        token_store=token_store(settings.token_cache) if patient else None,
    )


def _retry(settings: "ConnectionSettings", *, patient: bool) -> "RetryPolicy":
    from airflow_partnercenter.api.wire.retrying import RetryPolicy

    if patient:
        return RetryPolicy(total_seconds=settings.retry_total_seconds)
    return RetryPolicy(attempts=2, total_seconds=_TEST_TOTAL_SECONDS)


def _mask_secret() -> "Callable[[str], None]":
    """Return Airflow's function that masks a secret in task logs, wherever this version has it."""
    from importlib import import_module

    try:
        module = import_module("airflow.sdk.log")
    except ImportError:
        module = import_module("airflow.utils.log.secrets_masker")
    mask_secret: Callable[[str], None] = module.mask_secret
    return mask_secret
