"""NumPy views of Arrow columns, and back.

pyarrow's own ways (``pa.array``, ``to_numpy``, ``fill_null``) import pandas where it is installed: half a second and
60 MB that a task which reads pages has no use for.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Codes = np.ndarray[Any, np.dtype[np.int64]]

#: Values, such as of one customer, that Python's own dictionary has told apart before Arrow has begun.
_FEW = 100


def distinct(column: pa.Array) -> tuple[list[Any], Codes]:
    """Return the distinct values of a column, null among them if there is one, and for each row which one it has."""
    if len(column) <= _FEW:
        places: dict[Any, int] = {}
        row_places = [places.setdefault(value, len(places)) for value in column.to_pylist()]
        return list(places), np.array(row_places, np.int64)
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    indices = encoded.indices
    codes = np.frombuffer(indices.buffers()[1], np.int32)[indices.offset : indices.offset + len(indices)]
    return encoded.dictionary.to_pylist(), codes.astype(np.int64)


def int64_array(values: list[int]) -> pa.Array:
    """Return an Arrow array of whole numbers."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.array(values, np.int64))])
