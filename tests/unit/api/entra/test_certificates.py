"""The PEM text of a connection: every form that people paste, and every way it cannot work."""

import pytest

from airflow_partnercenter.api.entra.certificates import read_certificate
from airflow_partnercenter.api.entra.pem import key_lines
from airflow_partnercenter.exceptions import ConfigurationError
from tests.support.certificates import (
    CERTIFICATE_PEM,
    EC_KEY,
    KEY_PEM,
    RSA_KEY,
    THUMBPRINT,
    certificate_pem,
    key_pem,
)

WHOLE = KEY_PEM + CERTIFICATE_PEM


def test_certificate_and_key_in_either_order_are_the_same():
    """What comes first in a PEM file is up to the tool that wrote it."""
    read = read_certificate(CERTIFICATE_PEM + KEY_PEM)
    assert read == read_certificate(WHOLE)
    assert read.chain == CERTIFICATE_PEM
    assert read.thumbprint == THUMBPRINT.lower()
    assert not read.has_issuers


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace("\n", " "),
        WHOLE.replace("\n", ""),
        WHOLE.replace("\n", "\\n"),
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\n", "\\r\\n"),
        f"Bag Attributes\n    localKeyID: 01\n{WHOLE}\ntrailing text",
    ],
    ids=["blanks", "nothing", "backslash n", "CRLF", "backslash r n", "text around"],
)
def test_line_breaks_that_a_form_lost_are_put_right(text):
    """One-line fields turn line breaks into blanks or drop them, and JSON is often escaped twice."""
    assert read_certificate(text) == read_certificate(WHOLE)


@pytest.mark.parametrize("old", [False, True], ids=["PKCS 8", "OpenSSL"])
@pytest.mark.parametrize("flat", [False, True], ids=["lines", "escaped line breaks"])
def test_encrypted_key_opens_with_its_passphrase(old, flat):
    """Both forms of encrypted keys are read; the result holds the key itself, whatever form it came in."""
    text = key_pem(passphrase="passphrase", old=old) + CERTIFICATE_PEM
    text = text.replace("\n", "\\n") if flat else text
    assert read_certificate(text, passphrase="passphrase") == read_certificate(WHOLE)


def test_own_certificate_comes_before_its_issuers():
    """Whatever the order in the file, MSAL needs the application's own certificate first."""
    issuer = certificate_pem(name="Issuer")
    read = read_certificate(issuer + WHOLE)
    assert read.has_issuers
    assert read.chain == CERTIFICATE_PEM + issuer


@pytest.mark.parametrize(
    "thumbprint",
    [THUMBPRINT, THUMBPRINT.lower(), ":".join(THUMBPRINT[i : i + 2] for i in range(0, 40, 2))],
    ids=["upper case", "lower case", "colons"],
)
def test_key_alone_needs_the_thumbprint(thumbprint):
    """However it is written; without one there is nothing by which Entra ID would know the key."""
    assert read_certificate(KEY_PEM, thumbprint=thumbprint).thumbprint == THUMBPRINT.lower()


BROKEN = KEY_PEM.replace(KEY_PEM.splitlines()[3], "")
REFUSALS = {
    "nothing": ("", {}, "no private key"),
    "certificate only": (CERTIFICATE_PEM, {}, "no private key"),
    "two keys": (KEY_PEM + key_pem(RSA_KEY) + CERTIFICATE_PEM, {}, "several private keys"),
    "key only": (KEY_PEM, {}, "certificate_thumbprint"),
    "wrong thumbprint": (KEY_PEM, {"thumbprint": "AB" * 32}, "40 hexadecimal digits"),
    "other certificate": (KEY_PEM + certificate_pem(), {}, "none of its certificates belongs to"),
    "broken key": (BROKEN + CERTIFICATE_PEM, {}, "cannot be read"),
    "broken certificate": (KEY_PEM + CERTIFICATE_PEM.replace("M", "A", 3), {}, "cannot be read"),
    "expired": (key_pem(RSA_KEY) + certificate_pem(from_days=-9, to_days=-2), {}, "expired on"),
    "not yet": (key_pem(RSA_KEY) + certificate_pem(from_days=2), {}, "not valid before"),
    "elliptic": (key_pem(EC_KEY) + certificate_pem(key=EC_KEY), {}, "not RSA"),
    "encrypted": (key_pem(passphrase="passphrase") + CERTIFICATE_PEM, {}, "enter certificate_passphrase"),
    "wrong passphrase": (
        key_pem(passphrase="passphrase") + CERTIFICATE_PEM,
        {"passphrase": "another"},
        "certificate_passphrase does not open",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_certificate_that_cannot_work_says_what_to_do(case):
    """One sentence that begins with the field's name, without the key or the passphrase, nor as its cause."""
    text, options, words = REFUSALS[case]
    with pytest.raises(ConfigurationError) as caught:
        read_certificate(text, **options)
    message = str(caught.value)
    assert message.startswith("certificate")
    assert words in message
    assert "\n" not in message
    assert caught.value.__cause__ is None
    assert not any(line in message for line in [*key_lines(text), "passphrase it was encrypted with: another"])


def test_passphrase_for_an_open_key_does_no_harm():
    """Whoever decrypted the key may have left the passphrase in the connection."""
    assert read_certificate(WHOLE, passphrase="passphrase") == read_certificate(WHOLE)


def test_repr_shows_no_key():
    """A certificate can be logged."""
    shown = repr(read_certificate(WHOLE))
    assert not any(line in shown for line in key_lines(KEY_PEM))
    assert len(key_lines(KEY_PEM)) > 20
