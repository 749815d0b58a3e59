"""Sign-ins of people that have not become tokens yet: authorization codes, and the codes of devices."""

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow_partnercenter.emulator import sign_in_errors as errors
from airflow_partnercenter.emulator.credentials import REDIRECT_URIS
from airflow_partnercenter.emulator.entra_errors import EntraError, EntraFault

#: as at Entra ID
CODE_SECONDS = 600
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True)
class SignIn:
    """A person who signed in to an application.

    :param user: the user's name.
    :param mfa: whether with a second factor.
    :param nonce: what the ID token must repeat; empty if none was given.
    """

    client_id: str
    scopes: tuple[str, ...]
    user: str
    mfa: bool
    nonce: str = ""


@dataclass(frozen=True)
class _Code:
    """An authorization code that was handed out."""

    sign_in: SignIn
    redirect_uri: str
    challenge: str
    challenge_method: str
    expires_at: float


class AuthorizationCodes:
    """Hands out authorization codes and takes each of them once."""

    def __init__(self) -> None:
        self._codes: dict[str, _Code] = {}
        self._redeemed: set[str] = set()
        self._lock = threading.Lock()

    def issue(self, sign_in: SignIn, redirect_uri: str, challenge: str, challenge_method: str) -> str:
        """Return a new code for a sign-in."""
        code = f"1.AemulatorCode.{secrets.token_urlsafe(48)}"
        self._codes[code] = _Code(sign_in, redirect_uri, challenge, challenge_method, time.time() + CODE_SECONDS)
        return code

    def redeem(self, code: str, *, client_id: str, redirect_uri: str, verifier: str) -> SignIn:
        """Return the sign-in that a code stands for.

        :raises EntraError: the code is unknown, spent, too old, or of another request than this one.
        """
        with self._lock:
            if code in self._redeemed:
                raise EntraError(errors.CODE_REDEEMED)
            known = self._codes.get(code)
            if known is None or known.expires_at < time.time():
                raise EntraError(errors.CODE_EXPIRED)
            if known.sign_in.client_id != client_id:
                raise EntraError(errors.OTHER_CLIENT, client_id)
            if known.redirect_uri != redirect_uri:
                raise EntraError(errors.OTHER_REDIRECT, redirect_uri)
            if known.challenge and _challenge(verifier, known.challenge_method) != known.challenge:
                raise EntraError(errors.WRONG_VERIFIER)
            self._redeemed.add(code)
            return known.sign_in

    def expire_all(self) -> None:
        """Let every code handed out so far be too old."""
        self._codes.clear()


@dataclass
class DeviceSignIn:
    """A device that waits for a person; ``sign_in`` is there once the person has signed in."""

    device_code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    expires_at: float
    sign_in: SignIn | None = None
    fault: EntraFault | None = None
    polled_at: float = 0


class DeviceCodes:
    """Hands out device codes, and answers devices that ask whether their person has signed in.

    :param interval_seconds: how long a device must wait between two questions.
    :param lifetime_seconds: how long a person may take.
    """

    def __init__(self, interval_seconds: int, lifetime_seconds: int) -> None:
        self.interval_seconds = interval_seconds
        self.lifetime_seconds = lifetime_seconds
        self._devices: dict[str, DeviceSignIn] = {}
        self._lock = threading.Lock()

    def issue(self, client_id: str, scopes: tuple[str, ...]) -> DeviceSignIn:
        """Return a new device that waits."""
        device = DeviceSignIn(
            f"1.AemulatorDevice.{secrets.token_urlsafe(48)}",
            "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(9)),
            client_id,
            scopes,
            time.time() + self.lifetime_seconds,
        )
        self._devices[device.device_code] = device
        return device

    def find(self, user_code: str) -> DeviceSignIn | None:
        """Return the device whose code a person typed, however it is written."""
        wanted = user_code.replace("-", "").strip().upper()
        return next((device for device in self._devices.values() if device.user_code == wanted), None)

    def redeem(self, device_code: str, *, client_id: str) -> SignIn:
        """Return the sign-in of a device's person.

        :raises EntraError: there is none yet, or none any more; or the device asks too often.
        """
        with self._lock:
            device = self._devices.get(device_code)
            if device is None:
                raise EntraError(errors.DEVICE_UNKNOWN)
            if device.client_id != client_id:
                raise EntraError(errors.OTHER_CLIENT, client_id)
            if device.expires_at < time.time():
                raise EntraError(errors.DEVICE_EXPIRED)
            if device.fault:
                raise EntraError(device.fault, client_id)
            now, since = time.monotonic(), device.polled_at
            device.polled_at = now
            if since and now - since < self.interval_seconds * 0.8:
                raise EntraError(errors.DEVICE_SLOW_DOWN)
            if device.sign_in is None:
                raise EntraError(errors.DEVICE_PENDING)
            del self._devices[device_code]
            return device.sign_in


def is_registered(redirect_uri: str) -> bool:
    """Return whether a redirect URI is registered with the application; of loopback addresses the port is free."""
    try:
        parts = urlsplit(redirect_uri)
        without_port = f"{parts.scheme}://{parts.hostname}{parts.path.rstrip('/')}"
    except ValueError:
        return False
    return without_port in REDIRECT_URIS and not parts.query and not parts.fragment


def _challenge(verifier: str, method: str) -> str:
    """Return the challenge that belongs to a verifier (RFC 7636)."""
    if method != "S256":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
