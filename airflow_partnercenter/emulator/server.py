"""The emulator: Entra ID and Partner Center on one loopback address, over TLS."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from airflow_partnercenter.emulator import credentials
from airflow_partnercenter.emulator.datasets import Dataset, DocumentedData, GeneratedData
from airflow_partnercenter.emulator.fault_matrix import FAULTS, InjectableFault
from airflow_partnercenter.emulator.partner import Partner
from airflow_partnercenter.emulator.scripts import AnswerSource, Request
from airflow_partnercenter.emulator.sign_ins import DeviceCodes
from airflow_partnercenter.emulator.tokens import AccessTokens
from airflow_partnercenter.emulator.wire import Wire

if TYPE_CHECKING:
    from airflow_partnercenter.emulator.listener import Listener


Credential = Literal[
    "client_secret", "certificate", "federated_token", "managed_identity", "public_client", "access_token"
]


class Emulator:
    """A local Microsoft Entra ID and Partner Center.

    ``with Emulator() as emulator:`` starts it in a thread of this process and stops it at the end. Ask it with
    ``emulator.connection()`` as the Airflow connection, or with any HTTP client that trusts ``emulator.ca_bundle``.

    :param data: ``generated`` is a partner made up from ``seed``; ``documented`` the examples of Microsoft's pages; or
        data of your own.
    :param seed: makes another partner of the same kind; the same one each time.
    :param customers: customers of the generated partner.
    :param history_days: how many days before ``today`` can be asked with ``processedDateTime``.
    :param today: the emulator's date; None follows the clock (UTC).
    :param port: 0 takes any free one.
    :param ca_folder: where to keep the certificate authority. With the same port and folder, an emulator that starts
        again is the one its clients know; only the tokens that it gave out are forgotten.
    :param max_page_size: rows on a page at most; a small number brings paging to a small partner.
    :param link_form: whether ``@nextLink`` is an absolute address or begins with the path.
    :param access_token_seconds: for how long an access token is valid.
    :param rotate_refresh_tokens: whether each use of a refresh token brings a new one, as at Entra ID.
    :param bom: whether Partner Center's bodies start with a byte order mark, as the real ones.
    :param device_code_interval_seconds: how long a device must wait between two questions.
    :param device_code_seconds: how long a person has to type a device's code.
    """

    #: refresh tokens that Entra ID refuses, by the reason; ``no_mfa`` brings a token that Partner Center refuses
    REFRESH_TOKENS: Mapping[str, str] = MappingProxyType(dict(credentials.SPECIAL_REFRESH_TOKENS))
    #: the faults that ``inject`` knows, by their names
    FAULTS: Mapping[str, InjectableFault] = FAULTS
    #: a client secret past its end
    EXPIRED_CLIENT_SECRET = credentials.EXPIRED_CLIENT_SECRET

    tenant_id = credentials.TENANT_ID
    tenant_domain = credentials.TENANT_DOMAIN
    client_id = credentials.CLIENT_ID
    client_secret = credentials.CLIENT_SECRET
    #: an application without a secret, which may sign people in by device code
    public_client_id = credentials.PUBLIC_CLIENT_ID
    refresh_token = credentials.REFRESH_TOKEN

    def __init__(
        self,
        data: Literal["generated", "documented"] | Dataset = "generated",
        *,
        seed: int = 2026,
        customers: int = 40,
        history_days: int = 60,
        today: date | None = None,
        port: int = 0,
        ca_folder: Path | None = None,
        max_page_size: int = 10_000,
        link_form: Literal["absolute", "relative"] = "absolute",
        access_token_seconds: int = 3599,
        rotate_refresh_tokens: bool = True,
        bom: bool = True,
        device_code_interval_seconds: int = 5,
        device_code_seconds: int = 900,
    ) -> None:
        self.data = data
        #: the generated partner, for tests that compute what an answer must be
        self.partner = Partner(seed, customers, history_days, today)
        self._port = port
        # Absolute, as the connection with its path is used from other folders.
        self._ca_folder = ca_folder.absolute() if ca_folder else None
        self._max_page_size = max_page_size
        self._link_form = link_form
        self._access_token_seconds = access_token_seconds
        self._rotate_refresh_tokens = rotate_refresh_tokens
        self._bom = bom
        self._device_codes = DeviceCodes(device_code_interval_seconds, device_code_seconds)
        self._wire = Wire()
        self._listener: Listener | None = None
        self._tokens: AccessTokens | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start answering.

        :raises ImportError: FastAPI, uvicorn or trustme are not installed.
        :raises OSError: the port is taken.
        :raises RuntimeError: it is running already.
        """
        if self._listener is not None:
            raise RuntimeError(f"The emulator is running already, at {self.base_url}.")
        try:
            from airflow_partnercenter.emulator.app import build_app
            from airflow_partnercenter.emulator.listener import Listener
        except ImportError as error:
            raise ImportError(
                f"The emulator needs {error.name}: pip install 'airflow-provider-partnercenter[emulator]'"
            ) from error
        self._listener = Listener(self._port, self._ca_folder)
        self._tokens = AccessTokens(self.base_url, self._access_token_seconds)
        self._wire.expire_tokens = self._tokens.expire_all
        self._wire.app = build_app(
            self.base_url,
            self._tokens,
            self._dataset(),
            self._device_codes,
            max_page_size=self._max_page_size,
            link_form=self._link_form,
            rotate_refresh_tokens=self._rotate_refresh_tokens,
            bom=self._bom,
        )
        self._listener.serve(self._wire)

    def _dataset(self) -> Dataset:
        """Return what to serve."""
        if self.data == "generated":
            return GeneratedData(self.partner)
        return DocumentedData() if self.data == "documented" else self.data

    def stop(self) -> None:
        """Stop answering and give the port back; what arrived stays in ``requests``."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @property
    def base_url(self) -> str:
        """Address of Partner Center, without a slash at the end."""
        return f"https://127.0.0.1:{self._running.port}"

    @property
    def authority(self) -> str:
        """Address of the login host; clients append the tenant."""
        return self.base_url

    @property
    def ca_bundle(self) -> str:
        """Path of the certificate to trust, a PEM file; gone when the emulator stops, unless it has a ``ca_folder``."""
        return str(self._running.ca_bundle)

    @property
    def _running(self) -> "Listener":
        """The listener, if there is one."""
        if self._listener is None:
            raise RuntimeError("The emulator is not running; use it in a with statement, or call start().")
        return self._listener

    @property
    def today(self) -> date:
        """The emulator's date; may be set, and the generated partner's data moves with it."""
        return self.partner.today

    @today.setter
    def today(self, today: date | None) -> None:
        self.partner.today = today

    @property
    def requests(self) -> list[Request]:
        """What has arrived, oldest first."""
        return self._wire.requests

    @property
    def token_requests(self) -> list[Request]:
        """The POSTs to the token endpoint among the requests."""
        return [request for request in self.requests if request.method == "POST" and _is_token_path(request.path)]

    @property
    def api_requests(self) -> list[Request]:
        """The requests to Partner Center among the requests."""
        return [request for request in self.requests if request.path.startswith(("/v1/", "/partner/v1/"))]

    def inject(self, fault: str, path: str | None = None, *, skip: int = 0, times: int | None = None) -> None:
        """Let the next requests whose path and query contain ``path`` meet a fault.

        :param fault: a name in ``FAULTS``.
        :param path: by default any path of the service that the fault belongs to.
        :param skip: let this many such requests through before.
        :param times: how many requests meet it; by default one, or all where the fault is of that kind.
        :raises KeyError: there is no such fault.
        """
        known = FAULTS[fault]
        self.answer_next(
            known.answer,
            known.path if path is None else path,
            skip=skip,
            times=known.times if times is None else times,
        )

    def clear_faults(self) -> None:
        """Answer normally from now on: forget the scripted answers and faults that nobody met yet."""
        self._wire.scripts.clear()

    def answer_next(self, answer: AnswerSource, path: str = "", *, skip: int = 0, times: int = 1) -> None:
        """Give a scripted answer to the next requests whose path and query contain ``path``.

        Scripts for the same path are worked off in the order they were given.

        :param answer: what to answer, or a function of the request that makes it.
        :param skip: let this many such requests through before.
        :param times: how many requests get the answer.
        """
        self._wire.scripts.add(answer, path, skip=skip, times=times)

    def expire_access_tokens(self) -> None:
        """Let Partner Center refuse every access token handed out so far."""
        if self._tokens is not None:
            self._tokens.expire_all()

    @property
    def managed_identity_environment(self) -> dict[str, str]:
        """The environment by which a machine of Azure App Service finds its managed identities."""
        return {
            "IDENTITY_ENDPOINT": f"{self.base_url}/msi/token",
            "IDENTITY_HEADER": credentials.IDENTITY_HEADER,
        }

    def access_token(self, *, mfa: bool = True, app_only: bool = False) -> str:
        """Return an access token for Partner Center, as a secrets backend may supply it.

        :param mfa: whether its user proved a second factor.
        :param app_only: whether it names no user.
        """
        if self._tokens is None:
            raise RuntimeError("The emulator is not running; use it in a with statement, or call start().")
        return self._tokens.issue("https://api.partnercenter.microsoft.com", mfa=mfa, app_only=app_only)

    def connection(self, credential: Credential = "client_secret", **overrides: Any) -> dict[str, Any]:
        """Return the Airflow connection; its JSON text is a value for ``AIRFLOW_CONN_…``.

        :param credential: how the application proves itself, or that it need not. Those with a file have it beside
            ``ca_bundle``; a managed identity also needs ``managed_identity_environment``.
        :param overrides: ``conn_type``, ``host``, ``login`` and ``password`` replace these, any other name goes into
            ``extra``; None removes the name.
        """
        fields: dict[str, Any] = {
            "conn_type": "partner_center",
            "host": self.base_url,
            "login": self.client_id,
            "password": self.client_secret,
        }
        extra: dict[str, Any] = {
            "tenant_id": self.tenant_id,
            "refresh_token": self.refresh_token,
            "authority": self.authority,
            "ca_bundle": self.ca_bundle,
        }
        for name, value in (self._credential(credential) | overrides).items():
            part = fields if name in fields else extra
            part[name] = value
        kept = {name: value for name, value in fields.items() if value is not None}
        return kept | {"extra": {name: value for name, value in extra.items() if value is not None}}

    def _credential(self, credential: Credential) -> dict[str, Any]:
        """Return what a connection has other than with a client secret."""
        from airflow_partnercenter.emulator import proofs

        if credential == "client_secret":
            return {}
        if credential == "public_client":
            public = {"login": self.public_client_id, "refresh_token": credentials.PUBLIC_REFRESH_TOKEN}
            return public | {"password": None}
        if credential == "access_token":
            without = dict.fromkeys(("login", "password", "tenant_id", "refresh_token"))
            return without | {"auth_mode": "access_token", "access_token": self.access_token()}
        if credential == "certificate":
            return {"password": None, "certificate": proofs.certificate_pem()}
        if credential == "managed_identity":
            return {"password": None, "managed_identity_client_id": credentials.MANAGED_IDENTITY_CLIENT_ID}
        file = Path(self.ca_bundle).with_name("federated-token")
        file.write_text(proofs.federated_token())
        return {"password": None, "federated_token_file": str(file)}


def _is_token_path(path: str) -> bool:
    """Whether a path is that of the token endpoint, v1 or v2."""
    return path.endswith(("/oauth2/v2.0/token", "/oauth2/token"))
