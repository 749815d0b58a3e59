"""Secrets in other parties' texts."""

from airflow_partnercenter.api.wire.redaction import Redactor


def test_every_known_secret_is_replaced_wherever_it_is():
    """All occurrences of all secrets become stars, a longer one before the shorter one inside it."""
    redactor = Redactor()
    redactor.add("hunter22")
    redactor.add("hunter22-and-more")
    assert redactor("a hunter22-and-more, hunter22hunter22 z") == "a ***, ****** z"


def test_text_without_secrets_stays():
    """Other text is left alone, and an unset or tiny secret is none."""
    redactor = Redactor()
    for secret in (None, "", "abcd"):
        redactor.add(secret)
    assert redactor("abcd and nothing") == "abcd and nothing"


def test_listener_is_told_each_secret_once():
    """Airflow's masker learns each secret as it becomes known."""
    told: list[str] = []
    redactor = Redactor(told.append)
    for secret in ("first-secret", "second-secret", "first-secret", None):
        redactor.add(secret)
    assert told == ["first-secret", "second-secret"]


def test_repr_shows_no_secret():
    """A debugger shows how many, not which."""
    redactor = Redactor()
    redactor.add("hunter22")
    assert "hunter22" not in repr(redactor)
