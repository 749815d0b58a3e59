"""What a failure of this package means for Airflow's own retries. Airflow 3.3 and later.

Importing :class:`PartnerCenterRetryPolicy` on an older Airflow raises an ImportError that says so.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_partnercenter.exceptions import PartnerCenterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:
    raise ImportError(
        "PartnerCenterRetryPolicy needs Airflow 3.3 or later, where tasks have retry_policy=. Below it, the operators "
        "of this package do not retry what no retry heals either; set retry_delay for the rest."
    ) from None


class PartnerCenterRetryPolicy(RetryPolicy):
    """Wait as long as Partner Center asked, do not retry what needs a person, and leave the rest to the task.

    For any task that uses this package, also one that calls the hook: ``@task(retries=5,
    retry_policy=PartnerCenterRetryPolicy())``. The task's ``retries`` stay the limit.

    - The task failed by, or because of, an error with ``retry_after_seconds`` (throttling): the next try begins that
      long after, never sooner.
    - An error that is not ``retriable`` (sign-in, role, configuration, no data where data is a must): no further try, a
      person must change something first.
    - Any other: the task's ``retry_delay`` and back-off.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: "Context | None" = None
    ) -> RetryDecision:
        """Return what Airflow should do about an exception, or about what has caused it."""
        for error in _causes(exception):
            if not isinstance(error, PartnerCenterError):
                continue
            if not error.retriable:
                return RetryDecision.fail(f"{type(error).__name__}, which no retry heals: {error}")
            if error.retry_after_seconds:
                asked = error.retry_after_seconds
                return RetryDecision.retry(
                    timedelta(seconds=asked), f"Partner Center asked to wait {asked:g} s ({type(error).__name__})"
                )
            return RetryDecision.default()
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return nothing: there are no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "PartnerCenterRetryPolicy":
        """Return a policy; there are no settings."""
        return cls()


def _causes(exception: BaseException | None) -> "Iterator[BaseException]":
    """Yield an exception, and what it was raised from, or while meeting what."""
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        seen.add(id(exception))
        yield exception
        exception = exception.__cause__ or (None if exception.__suppress_context__ else exception.__context__)
