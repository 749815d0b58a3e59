"""``python -m fuzz.one_target NAME FOLDER SECONDS``: fuzz one target with atheris, in a process of its own."""

import re
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
    seeds = list(target.seeds())
    for number, seed in enumerate(seeds):
        (corpus / f"seed_{number:03}").write_bytes(seed)
    words = sorted({word for seed in seeds for word in re.findall(rb"[\w@.:-]{2,40}", seed)})
    dictionary = folder / f"{name}.dict"
    dictionary.write_text("".join('"' + word.decode().replace('"', '\\"') + '"\n' for word in words))
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
        # Names compared within libraries in C, which libFuzzer does not see.
        f"-dict={dictionary}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
