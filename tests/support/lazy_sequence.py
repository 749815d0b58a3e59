"""Several customers as a mapped task has them: Airflow's sequence of another task's results."""

from collections.abc import Iterator, Sequence
from typing import Any


class LazySequence(Sequence[Any]):
    """A sequence that asks for its items each time, and counts it."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items
        self.times_asked = 0

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("one by one")

    def __iter__(self) -> Iterator[Any]:
        self.times_asked += 1
        return iter(self._items)
