"""A table of arguments, each with the test that it changes what happens; complete, or a test says what is missing."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Check = TypeVar("Check", bound=Callable[..., None])


class ArgumentTable:
    """Which check shows that an argument changes what happens.

    :param elsewhere: arguments whose check is a test of another file, as ``path::test``.
    """

    def __init__(self, elsewhere: Mapping[str, str] | None = None) -> None:
        self.checks: dict[str, Callable[..., None]] = {}
        self.elsewhere = dict(elsewhere or {})

    def changes(self, argument: str) -> Callable[[Check], Check]:
        """Take a function as the check of an argument."""

        def add(check: Check) -> Check:
            assert argument not in self.checks, argument
            assert check.__doc__, argument
            self.checks[argument] = check
            return check

        return add

    def assert_covers(self, *functions: Callable[..., Any]) -> None:
        """Fail unless the table has exactly the named arguments of these functions."""
        arguments = {name for function in functions for name in arguments_of(function)}
        assert arguments == self.checks.keys() | self.elsewhere.keys()


def arguments_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's arguments of its own, without ``self`` and ``**kwargs``."""
    parameters = list(inspect.signature(function).parameters.values())
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in named and parameter.name != "self"]
