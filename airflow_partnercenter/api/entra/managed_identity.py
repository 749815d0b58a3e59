"""A managed identity's token, by which the application proves itself; MSAL asks the machine for it.

Source: https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
(read 2026-11-25)
"""

from typing import Any

import msal
import requests
from msal.exceptions import MsalError
from urllib3.util import Retry

from airflow_partnercenter.api.entra.credentials import ManagedIdentity
from airflow_partnercenter.api.entra.token_service import NoMemory
from airflow_partnercenter.api.wire.network import Network
from airflow_partnercenter.api.wire.redaction import Redactor
from airflow_partnercenter.exceptions import AuthenticationError, TransportError

# The endpoint is on this machine or next to it: it answers soon, or it is not there.
_CONNECT_SECONDS = 2.0
_READ_SECONDS = 30.0
_ATTEMPTS = 3


class ManagedIdentityTokens:
    """Asks for tokens of one managed identity; MSAL keeps them in memory while they are valid."""

    def __init__(self, identity: ManagedIdentity, network: Network, redactor: Redactor) -> None:
        self._identity = identity
        self._redactor = redactor
        self._client = msal.ManagedIdentityClient(
            msal.UserAssignedManagedIdentity(client_id=identity.client_id),
            http_client=_MachineSession(network.ca_bundle),
            http_cache=NoMemory(),
        )

    def assertion(self) -> str:
        """Return a token that is valid now.

        :raises AuthenticationError: this machine has no such identity.
        :raises TransportError: this machine has no managed identities at all, or they do not answer.
        """
        try:
            result = self._client.acquire_token_for_client(resource=self._identity.audience)
        except (requests.RequestException, OSError) as error:
            unreachable = TransportError(
                "No answer from the managed identity endpoint of this machine: managed_identity_client_id works on "
                f"Azure only, and Airflow's workers must reach the endpoint ({type(error).__name__})."
            )
            # The session below has tried again; a request to Partner Center must not multiply that.
            unreachable.retries_are_used_up = True
            raise unreachable from error
        except (ValueError, LookupError, TypeError, AttributeError, MsalError) as error:
            raise self._refused(f"its answer is not understood ({type(error).__name__})") from None
        token = result.get("access_token")
        if not isinstance(token, str) or not token:
            said = " ".join(str(result.get("error_description") or result.get("error") or "no token").split())
            raise self._refused(self._redactor(said)[:300].rstrip("."))
        self._redactor.add(token)
        return token

    def _refused(self, why: str) -> AuthenticationError:
        return AuthenticationError(
            f"This machine's managed identity {self._identity.client_id} gave no token ({why}): check "
            "managed_identity_client_id, and that the identity is assigned to the machines of Airflow's workers.",
            error="managed_identity",
            error_description=why,
        )


class _MachineSession(requests.Session):
    """Speaks to the machine's own endpoint: never through a proxy, with patience as Microsoft advises."""

    def __init__(self, ca_bundle: str | None) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = ca_bundle or True
        retry = Retry(
            total=_ATTEMPTS,
            connect=1,
            backoff_factor=0.5,
            status_forcelist=(404, 410, 429, 500, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
            # A wait of its own choosing could be an hour.
            respect_retry_after_header=False,
        )
        for scheme in ("http://", "https://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request; a redirect would take the machine's secret elsewhere."""
        return super().request(
            method, url, **options | {"timeout": (_CONNECT_SECONDS, _READ_SECONDS), "allow_redirects": False}
        )
