"""Which deployments the wheel is tried in: each Airflow with the libraries of its day."""

from dataclasses import dataclass, field

COMMON_COMPAT = "apache-airflow-providers-common-compat"
#: What an image of Airflow 3.0 has beside: the provider without which ``airflow providers widgets`` shows none there,
#: and the libraries that we share, as old as the constraint files of that version have them
#: (https://github.com/apache/airflow, branch constraints-3-0, file of 2025-05-29).
WITH_3_0 = (
    "apache-airflow-providers-fab",
    "cryptography==42.0.8",
    "msal==1.32.3",
    "msgspec==0.19.0",
    "numpy==1.26.4",
    "pandas==2.1.4",
    "pyarrow==16.1.0",
    "requests==2.32.3",
    "urllib3==2.4.0",
)


@dataclass(frozen=True)
class Period:
    """An Airflow and its day.

    :param airflow: version.
    :param day: shortly after it came out; None is today.
    :param lifted: pins of its constraint file that contradict what we need.
    :param beside: what else is installed there.
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
        Period("3.0.6", "2025-09-10", frozenset({COMMON_COMPAT}), WITH_3_0),
        Period("3.3.2", None),
    )
}
