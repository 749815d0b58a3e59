"""What ``make fuzz`` begins with holds: each seed of each target, without atheris."""

import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from fuzz import promises
from fuzz.targets import TARGETS


@pytest.fixture(autouse=True)
def _logs_are_watched() -> Iterator[None]:
    """Hold log lines to their promise too, and put the loggers back."""
    loggers = [logging.getLogger(name) for name in ("airflow_partnercenter", "msal")]
    before = [(logger.level, logger.propagate, logger.handlers, logger.disabled) for logger in loggers]
    promises.watch_logs()
    yield
    for logger, (level, propagate, handlers, disabled) in zip(loggers, before, strict=True):
        logger.level, logger.propagate, logger.handlers, logger.disabled = level, propagate, handlers, disabled
        logger.manager._clear_cache()


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_keeps_its_promise(name: str) -> None:
    """Rows or a typed error, the same by both ways; one printable line; no secret."""
    target = import_module(f"fuzz.targets.{name}")
    seeds = list(target.seeds())
    assert len(seeds) > 5
    for seed in [*seeds, b"", b"\xff", b"\x00\xff\xfe"]:
        target.check(seed)


def test_every_target_is_run() -> None:
    """A new module is in the list."""
    folder = Path(import_module("fuzz.targets").__file__ or "").parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(TARGETS)


@pytest.mark.parametrize("message", ["a\nb", "a\x1b[2J", "a\u2028b", f"x{promises.SECRET}", "x" * 10_000], ids=ascii)
def test_broken_promise_is_noticed(message: str) -> None:
    """A check that notices nothing would prove nothing."""
    with pytest.raises(AssertionError):
        promises.require_printable(message)
