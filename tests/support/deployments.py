"""Which deployments the wheel is tried in: each Airflow with the libraries of its day."""

from dataclasses import dataclass, field

COMMON_COMPAT = "apache-airflow-providers-common-compat"


@dataclass(frozen=True)
class Period:
    """An Airflow and its day.

    :param airflow: version.
    :param day: shortly after it came out; None is today.
    :param lifted: pins of its constraint file that contradict what we need.
    :param beside: what it takes for ``airflow providers widgets`` to show any provider's.
    """

    airflow: str
    day: str | None
    lifted: frozenset[str] = field(default_factory=frozenset)
    beside: tuple[str, ...] = ()


PERIODS = {
    period.airflow: period
    for period in (
        Period("2.11.2", "2026-03-20"),
        # Its day's common-compat, 1.7.3, has no `airflow.providers.common.compat.sdk` yet.
        Period("3.0.6", "2025-09-10", frozenset({COMMON_COMPAT}), ("apache-airflow-providers-fab",)),
        Period("3.3.2", None),
    )
}
