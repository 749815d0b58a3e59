"""The files of a release: wheel, source archive, SBOM, release notes, checksums."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from release.preconditions import ReleaseError

#: Above these, something is in the wheel or the archive that does not belong there.
WHEEL_BYTES_AT_MOST = 600_000
SDIST_BYTES_AT_MOST = 10_000_000


def make_artefacts(repository: Path, folder: Path, notes: str) -> list[Path]:
    """Build and check everything, put it into a folder in place of what was there, and return the files.

    :raises ReleaseError: a check of what was built failed; the folder is as it was.
    """
    making = repository / "build" / "making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    wheel, sdist = _build(repository, making)
    _check(wheel, sdist)
    _write_sbom(repository, wheel)
    (making / "RELEASE_NOTES.md").write_text(f"{notes}\n", encoding="utf-8")
    lines = [f"{_sha256(file)}  {file.name}\n" for file in sorted(making.iterdir())]
    (making / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    shutil.move(making, folder)
    return sorted(folder.iterdir())


def _build(repository: Path, folder: Path) -> tuple[Path, Path]:
    """Build the archive, and the wheel from the archive, with the pinned hatchling."""
    # Unset, so that everybody's build has the same times in it: hatchling's own.
    variables = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(repository)]
    _run(build, env=variables)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def _check(wheel: Path, sdist: Path) -> None:
    _run([sys.executable, "-m", "twine", "--no-color", "check", "--strict", str(wheel), str(sdist)])
    _run([str(Path(sys.executable).with_name("check-wheel-contents")), str(wheel)])
    for file, limit in ((wheel, WHEEL_BYTES_AT_MOST), (sdist, SDIST_BYTES_AT_MOST)):
        if file.stat().st_size > limit:
            raise ReleaseError(f"{file.name} has {file.stat().st_size:,} bytes, of {limit:,} at most.")


def _write_sbom(repository: Path, wheel: Path) -> None:
    """Install the wheel as pinned into an environment of its own, and list what is there (CycloneDX 1.6)."""
    environment, sbom = repository / "build" / "sbom", wheel.with_name(f"{wheel.name.rsplit('-', 3)[0]}.cdx.json")
    uv, python = str(Path(sys.executable).with_name("uv")), str(environment / "bin" / "python")
    pins = str(repository / "requirements" / "demo.txt")
    ours = repository / "build" / "sbom.txt"  # the wheel by its hash, so that all else has to have one among the pins
    name = wheel.name.split("-")[0]
    ours.write_text(f"{name} @ {wheel.as_uri()} --hash=sha256:{_sha256(wheel)}\n", encoding="utf-8")
    variables = os.environ | {"UV_NO_CONFIG": "1"}
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)], env=variables)
    install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes"]
    _run([*install, "--constraint", pins, "--requirement", str(ours)], env=variables)
    _run([uv, "pip", "check", "--quiet", "--python", python], env=variables)
    cyclonedx = [str(Path(sys.executable).with_name("cyclonedx-py")), "environment", "--output-reproducible"]
    options = ["--pyproject", str(repository / "pyproject.toml"), "--mc-type", "library", "--spec-version", "1.6"]
    _run([*cyclonedx, *options, "--output-file", str(sbom), python])
    _name_wheel(sbom, wheel)


def _name_wheel(sbom: Path, wheel: Path) -> None:
    """Say in the SBOM which wheel it is of: pyproject.toml has no version to take."""
    bill = json.loads(sbom.read_text(encoding="utf-8"))
    component, version = bill["metadata"]["component"], wheel.name.split("-")[1]
    component["version"] = version
    component["purl"] = f"pkg:pypi/{component['name']}@{version}"
    component["hashes"] = [{"alg": "SHA-256", "content": _sha256(wheel)}]
    sbom.write_text(f"{json.dumps(bill, indent=2)}\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _run(command: list[str], env: dict[str, str] | None = None) -> None:
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise ReleaseError(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
