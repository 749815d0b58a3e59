"""Microsoft Entra ID's refusals: which class, and who must do what."""

import pytest

from airflow_partnercenter.api.entra.refusals import refusal
from airflow_partnercenter.exceptions import AuthenticationError, InteractionRequiredError, TokenServiceError


def _result(code: int, error: str = "invalid_grant", text: str = "Some text.") -> dict[str, object]:
    return {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: t-1 Correlation ID: c-1 Timestamp: 2026-11-20 10:00:00Z",
        "error_codes": [code],
        "timestamp": "2026-11-20 10:00:00Z",
        "trace_id": "t-1",
        "correlation_id": "c-1",
    }


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (700082, ["expired", "sign the service account in again", "refresh token"]),
        (70008, ["expired", "sign the service account in again"]),
        (50173, ["revoked", "sign the service account in again"]),
        (50076, ["multi-factor", "sign the service account in again"]),
        (50078, ["multi-factor", "expired", "sign the service account in again"]),
        (65001, ["consent", "administrator"]),
        (700007, ["another application", "login"]),
        (53003, ["Conditional Access", "administrator"]),
        (70000, ["refresh token"]),
        (9002313, ["refresh token"]),
    ],
)
@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required"])
def test_code_that_needs_a_person_says_what_the_person_must_do(code, names, error):
    """These need a sign-in or consent; the sentence says whose, and no retry is worth it."""
    refused = refusal(_result(code, error))
    assert type(refused) is InteractionRequiredError
    assert not refused.retriable
    assert refused.error == error
    assert refused.correlation_id == "c-1"
    assert f"AADSTS{code}" in refused.error_description
    for name in [f"AADSTS{code}", "c-1", *names]:
        assert name in str(refused)


@pytest.mark.parametrize(
    ("code", "error", "names"),
    [
        (7000215, "invalid_client", ["password", "client secret"]),
        (7000222, "invalid_client", ["client secret", "expired"]),
        (7000218, "invalid_client", ["password"]),
        (700016, "unauthorized_client", ["login", "tenant_id"]),
        (90002, "invalid_tenant", ["tenant_id"]),
        (90002, "invalid_request", ["tenant_id"]),
        (500011, "invalid_resource", ["tenant_id", "cloud"]),
    ],
)
def test_code_of_a_wrong_setting_names_the_field(code, error, names):
    """What the connection got wrong is said by the field's name; nobody needs to sign in again."""
    refused = refusal(_result(code, error))
    assert type(refused) is AuthenticationError
    assert all(name in str(refused) for name in [f"AADSTS{code}", *names])


def test_code_may_come_only_in_error_codes():
    """Where the text names no code, the list does."""
    assert "AADSTS700082" in str(refusal({"error": "invalid_grant", "error_codes": [700082]}))


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required", "consent_required", "login_required"])
def test_unknown_code_of_a_dead_grant_still_asks_for_a_person(error):
    """A grant that Entra does not accept any more is a person's task, whatever the code."""
    refused = refusal(_result(123456, error, "Something new happened."))
    assert type(refused) is InteractionRequiredError
    assert "Something new happened" in str(refused)
    assert "Trace ID" not in str(refused)


def test_unknown_refusal_repeats_entras_own_sentence():
    """Where we know no better, Entra's first sentence is the message."""
    refused = refusal(_result(999, "invalid_scope", "The scope is not valid. More."))
    assert type(refused) is AuthenticationError
    assert "invalid_scope" in str(refused)
    assert "The scope is not valid" in str(refused)


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error"])
def test_trouble_of_entra_itself_is_retriable(error):
    """Entra's own trouble says nothing about the credentials."""
    refused = refusal(_result(90033, error, "A transient error has occurred."))
    assert type(refused) is TokenServiceError
    assert refused.retriable


@pytest.mark.parametrize("result", [{}, {"error": None}, {"error": "x", "error_codes": "y"}, {"error_codes": []}])
def test_answer_without_token_and_without_error_is_a_refusal(result):
    """An answer that says nothing is still one sentence."""
    assert isinstance(refusal(result), AuthenticationError)
    assert str(refusal(result)).startswith("Microsoft Entra ID")


def test_message_is_one_line():
    """Entra writes line breaks into its descriptions."""
    assert "\n" not in str(refusal({"error": "x", "error_description": "AADSTS1: a.\r\nTrace ID: b\r\nTimestamp: c"}))
