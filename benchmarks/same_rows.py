"""What a contender left behind, as figures that are the same if the rows are the same. Runs in its own process."""

import json
import subprocess
import sys
from pathlib import Path


def fingerprint(folder: Path) -> dict[str, int]:
    """Return row count and totals of the Parquet or CSV below a folder; nothing for one that keeps no rows.

    In a process of its own: memory of the measuring one would count as its children's.
    """
    command = [sys.executable, "-m", "benchmarks.same_rows", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    return dict(json.loads(answer.stdout))


def _read(folder: Path) -> dict[str, int]:
    import pandas as pd

    # dlt keeps its own tables and its working copies beside what it delivers
    working = ("_dlt_", "/pipelines/")
    files = [file for file in folder.rglob("*") if not any(part in str(file) for part in working)]
    files = [file for file in files if file.suffix in (".parquet", ".csv")]
    if not files:
        return {}
    read = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    frame = pd.concat([read[file.suffix](file) for file in files])
    frame.columns = [name.lower().replace("_", "") for name in frame.columns]
    return {
        "rows": len(frame),
        "sold": int(frame["licensessold"].sum()),
        "deployed": int(frame["licensesdeployed"].sum()),
        "customers": int(frame["customertenantid"].nunique()),
        "products": int(frame["productid"].nunique()),
        "first": hash_of(frame["customertenantid"].iloc[0]),
        "last": hash_of(frame["customertenantid"].iloc[-1]),
    }


def hash_of(text: str) -> int:
    """Return a number for a GUID."""
    return int(text.replace("-", ""), 16)


if __name__ == "__main__":
    print(json.dumps(_read(Path(sys.argv[1]))))
