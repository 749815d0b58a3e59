"""The error tree: who is whose, what may heal, and that errors survive the way between processes."""

import pickle
from copy import copy

import pytest

from airflow_partnercenter import exceptions
from airflow_partnercenter.api.wire.retrying import UndecodableBodyError

# class: (bases within the tree, retriable); house style section 5, design section 2
TREE = {
    "ConfigurationError": (["PartnerCenterError"], False),
    "AuthenticationError": (["PartnerCenterError"], False),
    "InteractionRequiredError": (["AuthenticationError"], False),
    "TokenServiceError": (["PartnerCenterError"], True),
    "ApiError": (["PartnerCenterError"], False),
    "ThrottledError": (["ApiError"], True),
    "ServiceError": (["ApiError"], True),
    "TransportError": (["PartnerCenterError"], True),
    "ResponseFormatError": (["PartnerCenterError"], False),
    "IncompleteResultError": (["PartnerCenterError"], True),
    "ResultTooLargeError": (["PartnerCenterError"], False),
    "MfaRequiredError": (["ApiError", "InteractionRequiredError"], False),
    "AccessTokenRefusedError": (["ApiError", "AuthenticationError"], False),
    "EmptyResultError": (["PartnerCenterError"], False),
    "ExpectationError": (["PartnerCenterError"], False),
}
_CLASSES = [
    value
    for value in vars(exceptions).values()
    if isinstance(value, type) and issubclass(value, exceptions.PartnerCenterError)
]


@pytest.mark.parametrize(("name", "bases", "retriable"), [(name, *rest) for name, rest in TREE.items()], ids=list(TREE))
def test_tree_is_that_of_the_design(name, bases, retriable):
    """Each class sits where the design has it and says whether a later run may succeed."""
    kind = getattr(exceptions, name)
    assert [base.__name__ for base in kind.__bases__] == bases
    assert kind.retriable is retriable
    assert kind("message").retriable is retriable


def test_every_class_is_in_the_tree_and_in_the_docstring():
    """No class is forgotten by this test or by the module's own picture."""
    assert {kind.__name__ for kind in _CLASSES} == {*TREE, "PartnerCenterError"}
    assert all(name in exceptions.__doc__ for name in TREE)


@pytest.mark.parametrize("kind", _CLASSES, ids=lambda kind: kind.__name__)
def test_no_name_shadows_a_builtin(kind):
    """``except ConnectionError`` in a user's code never means two things."""
    assert kind.__name__ not in dir(__builtins__)


def _full(kind: type[exceptions.PartnerCenterError]) -> exceptions.PartnerCenterError:
    if issubclass(kind, exceptions.ApiError):
        return kind(
            "message",
            status_code=429,
            code="2000",
            description="text",
            request_id="r-1",
            correlation_id="c-1",
            retry_after_seconds=57,
        )
    if issubclass(kind, exceptions.AuthenticationError):
        return kind("message", error="invalid_grant", error_description="text", correlation_id="c-1")
    if issubclass(kind, exceptions.TokenServiceError):
        return kind("message", retry_after_seconds=57)
    if issubclass(kind, exceptions.ExpectationError):
        return kind("message", results=[{"name": "no_null_keys", "passed": False}])
    return kind("message")


@pytest.mark.parametrize("kind", [*_CLASSES, UndecodableBodyError], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", [lambda error: pickle.loads(pickle.dumps(error)), copy], ids=["pickle", "copy"])  # noqa: S301
def test_error_survives_between_processes(kind, way):
    """Message and every attribute survive pickling, as Airflow's executors need."""
    error = _full(kind)
    again = way(error)
    assert type(again) is kind
    assert str(again) == "message"
    assert vars(again) == vars(error)


@pytest.mark.parametrize("kind", _CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_asked_how_long_to_wait(kind):
    """A user's retry policy reads one attribute of any of our errors."""
    assert kind("message").retry_after_seconds is None
