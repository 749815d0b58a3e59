"""Work on several requests at once, and hand out the results in the order of the tasks."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TypeVar

from airflow_partnercenter.api.reading.call import Call

T = TypeVar("T")
Given = TypeVar("Given")

#: Pages that become columns while others are on their way.
_DECODING_THREADS = 2


def in_order(
    tasks: Iterable[Callable[[], T]], workers: int, call: Call, *, waiting: int = 1
) -> Generator[T, None, None]:
    """Yield what the tasks return, in their order; raise the first failure as soon as it happens.

    At most ``workers`` tasks wait for the network at once, as the call's pace sees to, and two more are past that;
    ``waiting`` more results may be there while an earlier one is late, which bounds memory. If the caller stops early
    or a task fails, the other tasks are given up: what waits ends at once, and no further attempt is made.
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
            if len(pending) >= threads + waiting:
                yield first_result()
        while pending:
            yield first_result()
    except BaseException:
        pace.give_up()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def decoding_threads() -> Iterator[Executor]:
    """Have threads that decode and do nothing else.

    Few, since a thread keeps the memory that its largest page took: were each page decoded by the thread that received
    it, a read would take 30 MB more, and a tenth more CPU to get them from the operating system.
    """
    pool = ThreadPoolExecutor(_DECODING_THREADS, thread_name_prefix="partner-center-decoding")
    try:
        yield pool
    finally:
        # What is left is of a read that was given up.
        pool.shutdown(wait=False, cancel_futures=True)


def elsewhere(pool: Executor, work: Callable[[Given], T], given: Given) -> T:
    """Return what the work makes of what is given, done by a thread of the pool."""
    return pool.submit(work, given).result()
