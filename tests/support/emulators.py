"""Emulators that serve several tests, since starting and stopping one takes longer than most tests."""

import threading
from contextlib import ExitStack
from typing import Any, Self

from airflow_partnercenter.emulator import Emulator
from airflow_partnercenter.emulator.scripts import AnswerSource
from tests.support.looks import wait_for_looks


class _ScriptedEmulator(Emulator):
    """Knows whether it may still hold a scripted answer."""

    was_scripted = False

    def answer_next(self, answer: AnswerSource, path: str = "", *, skip: int = 0, times: int = 1) -> None:
        self.was_scripted = True
        super().answer_next(answer, path, skip=skip, times=times)


class EmulatorPool:
    """Keeps one running emulator for each set of arguments; one that was scripted is not given out again."""

    def __init__(self) -> None:
        self._stopping: list[threading.Thread] = []
        self._running: dict[tuple[tuple[str, Any], ...], tuple[_ScriptedEmulator, ExitStack]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _, stack in self._running.values():
            self._stop(stack)
        for thread in self._stopping:
            thread.join()

    def _stop(self, stack: ExitStack) -> None:
        """Stop an emulator beside the next test: it takes some tenths of a second."""
        self._stopping.append(threading.Thread(target=stack.close))
        self._stopping[-1].start()

    def get(self, **arguments: Any) -> Emulator:
        """Return an emulator that has seen no request and has no answer waiting."""
        key = tuple(sorted(arguments.items()))
        if key in self._running:
            emulator, stack = self._running.pop(key)
            if emulator.was_scripted:
                self._stop(stack)
            else:
                wait_for_looks()
                emulator.requests.clear()
                self._running[key] = emulator, stack
        if key not in self._running:
            stack = ExitStack()
            self._running[key] = stack.enter_context(_ScriptedEmulator(**arguments)), stack
        return self._running[key][0]
