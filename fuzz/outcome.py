"""How the run of one target ended."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What libFuzzer told at the end of a run.

    :param seconds: it took; fewer than asked for where it broke.
    :param executions: inputs fed.
    :param edges: of the package's code that were reached, as libFuzzer counts them.
    :param broke: whether an input broke a promise.
    """

    target: str
    seconds: int
    executions: int
    edges: int
    peak_megabytes: int
    broke: bool
