"""``python -m fuzz.one_target NAME FOLDER SECONDS``: fuzz one target with atheris, in a process of its own."""

import sys
from importlib import import_module
from pathlib import Path

import atheris

from fuzz.promises import watch_logs


def main() -> None:
    """Feed a target until the time is over or it breaks; libFuzzer ends the process."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    with atheris.instrument_imports(include=["airflow_partnercenter"]):
        target = import_module(f"fuzz.targets.{name}")
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed_{number:03}").write_bytes(seed)
    findings = folder / "findings"
    findings.mkdir(exist_ok=True)
    watch_logs()
    options = [
        f"-max_total_time={seconds}",
        "-max_len=8192",
        "-timeout=20",
        # Memory must stay bounded whatever comes.
        "-rss_limit_mb=2048",
        f"-artifact_prefix={findings / name}-",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
