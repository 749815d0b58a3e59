"""How far a long command is: its steps; a bar on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Off a terminal, what may pass without a line: whichever comes first.
_QUIET_STEPS = 5
_QUIET_SECONDS = 10.0


def say(sentence: str) -> None:
    """Tell the next step."""
    print(f"==> {sentence}", flush=True)


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Yield the function to call after each of ``total`` steps, with the name of the step.

    What else goes to standard output meanwhile may be sent elsewhere: the bar has a way of its own to the terminal.
    """
    if not sys.stdout.isatty():
        yield _lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    sys.stdout.flush()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding) as terminal:
        columns = (
            TextColumn("    {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        # Airflow's own output is nobody's business here, so none of it is drawn above the bar.
        with Progress(*columns, console=Console(file=terminal), redirect_stdout=False, redirect_stderr=False) as bar:
            task = bar.add_task("", total=total)
            yield lambda name: bar.update(task, advance=1, description=name)


def _lines(total: int) -> Callable[[str], None]:
    done, told, told_at = 0, 0, time.monotonic()

    def advance(name: str) -> None:
        nonlocal done, told, told_at
        done += 1
        now = time.monotonic()
        if done in (1, total) or done - told >= _QUIET_STEPS or now - told_at >= _QUIET_SECONDS:
            told, told_at = done, now
            print(f"    {name}  {done}/{total}", flush=True)

    return advance
