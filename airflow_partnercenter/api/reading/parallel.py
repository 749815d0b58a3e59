"""Work on several requests at once, and hand out the results in the order of the tasks."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

from airflow_partnercenter.api.reading.call import Call

T = TypeVar("T")

#: Threads beside those that wait for the network: a page becomes columns while the next one is on its way.
_DECODING_THREADS = 2


def in_order(tasks: Iterable[Callable[[], T]], workers: int, call: Call) -> Generator[T, None, None]:
    """Yield what the tasks return, in their order; raise the first failure as soon as it happens.

    At most ``workers`` tasks wait for the network at once, as the call's pace sees to, and two more decode what came;
    one more result waits, which bounds memory. If the caller stops early or a task fails, the other tasks are given up:
    what waits ends at once, and no further attempt is made.
    """
    pace = call.pace
    # One at a time means one after the other.
    threads = workers + _DECODING_THREADS if workers > 1 else 1
    failure: Future[T] = Future()

    def run(task: Callable[[], T]) -> T:
        try:
            return task()
        except BaseException as error:
            with suppress(InvalidStateError):
                failure.set_exception(error)
            pace.give_up()
            raise

    def first_result() -> T:
        head = pending.popleft()
        wait((head, failure), return_when=FIRST_COMPLETED)
        if failure.done():
            failure.result()
        return head.result()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="partner-center")
    pending: deque[Future[T]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(run, task))
            if len(pending) > threads:
                yield first_result()
        while pending:
            yield first_result()
    except BaseException:
        pace.give_up()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
