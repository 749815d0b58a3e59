"""Work on several requests at once, and hand out the results in the order of the tasks."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from airflow_partnercenter.api.call import Call

T = TypeVar("T")


def in_order(tasks: Iterable[Callable[[], T]], workers: int, call: Call) -> Generator[T, None, None]:
    """Yield what the tasks return, in their order; raise the first error in that order.

    At most ``workers`` tasks run at once and one more result waits, which bounds memory. If the caller stops early or
    a task fails, the other tasks are given up: they send no further request.
    """
    pace = call.pace
    pool = ThreadPoolExecutor(workers, thread_name_prefix="partner-center")
    pending: deque[Future[T]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(task))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BaseException:
        pace.give_up()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
