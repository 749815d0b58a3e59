"""Where our CPU time goes: the time of each thread, by function group, without what it calls in other groups."""

import builtins
import functools
import importlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_API = "airflow_partnercenter.api"
_STORAGE = "airflow_partnercenter.storage:SpooledFile"
#: What is watched, as ``module:name`` or ``module:class.name``, and the group it belongs to. It runs once a page or
#: less, so that watching costs nothing.
_GROUPS = {
    f"{_API}.entra.auth:TokenProvider.access_token": "sign in (MSAL)",
    f"{_API}.reading.transport:Transport._send": "send a request (requests, urllib3)",
    f"{_API}.wire.network:Network.read": "receive and decrypt the body",
    f"{_API}.pages.decoding:RowDecoder.decode": "parse JSON into typed columns (pyarrow)",
    f"{_API}.reading.proof:Proof.add": "prove completeness",
    f"{_STORAGE}.write": "encode Parquet (pyarrow)",
    f"{_STORAGE}.close": "finish the file, SHA-256",
    f"{_STORAGE}.publish": "put the file in place",
    "airflow_partnercenter.operators.partner_center:open_path": "open the destination",
}
_IMPORTS = "import libraries (pyarrow, numpy, msal, …)"


class _Watch:
    """Adds up CPU seconds by group; a thread is in one group at a time."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._here = threading.local()
        self._lock = threading.Lock()

    def wrap(self, group: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, watched."""

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            outer = getattr(self._here, "inner", 0.0)
            self._here.inner = 0.0
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.thread_time() - began
                with self._lock:
                    self.seconds[group] += spent - self._here.inner
                self._here.inner = outer + spent

        return watched


@contextmanager
def profiling(report: Path) -> Iterator[None]:
    """Watch what happens inside, and write CPU seconds by group as JSON; imports of ours are part of it."""
    watch = _Watch()
    began = time.process_time()
    original_import = builtins.__import__
    builtins.__import__ = watch.wrap(_IMPORTS, original_import)
    try:
        for place, group in _GROUPS.items():
            module, _, name = place.partition(":")
            owner = watch.wrap(_IMPORTS, importlib.import_module)(module)
            *holders, name = name.split(".")
            for holder in holders:
                owner = getattr(owner, holder, None)
            # what the read path does not have any more is in no group of its own
            if hasattr(owner, name):
                setattr(owner, name, watch.wrap(group, getattr(owner, name)))
        yield
    finally:
        builtins.__import__ = original_import
    rest = time.process_time() - began - watch.seconds.total()
    report.write_text(json.dumps({**watch.seconds, "everything else": rest}))
