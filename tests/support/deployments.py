"""Which deployments the wheel is tried in: each Airflow with the libraries of its day."""

from dataclasses import dataclass, field

COMMON_COMPAT = "apache-airflow-providers-common-compat"
#: When the oldest common-compat that we can do with, 1.12.0, came out: constraints made before it pin an older one.
COMMON_COMPAT_DAY = "2026-01-17"
#: The libraries that both we and others there ask for: at what they were in those days, they are pinned before we come.
SHARED = (
    *("cryptography", "filelock", "msal", "msgspec", "numpy", "pandas", "pyarrow", "requests", "rich", "tenacity"),
    "urllib3",
)
#: In every image of Airflow; without it ``airflow providers widgets`` and the form show nothing on 3.0 and 3.1.
FAB = "apache-airflow-providers-fab"
#: The same libraries as old as the constraint files of Airflow 3.0 have them
#: (https://github.com/apache/airflow, branch constraints-3-0, file of 2025-05-29).
OLD_SHARED = (
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
    :param extras: of ours that are installed.
    """

    airflow: str
    day: str | None
    lifted: frozenset[str] = field(default_factory=frozenset)
    beside: tuple[str, ...] = SHARED
    extras: tuple[str, ...] = ()


_OLD_COMMON_COMPAT = frozenset({COMMON_COMPAT})
PERIODS = {
    period.airflow: period
    for period in (
        Period("2.11.0", "2025-06-03", _OLD_COMMON_COMPAT),
        Period("2.11.2", "2026-03-20"),
        Period("3.0.6", "2025-09-10", _OLD_COMMON_COMPAT, (FAB, *OLD_SHARED)),
        Period("3.1.8", "2026-03-20", beside=(FAB, *SHARED)),
        Period(
            "3.2.2",
            "2026-06-20",
            beside=("apache-airflow-providers-amazon[s3fs]", "apache-airflow-providers-microsoft-azure", *SHARED),
            extras=("azure", "s3"),
        ),
        Period("3.3.2", None),
    )
}
