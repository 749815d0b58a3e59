"""Make the files of a release: ``python -m release``."""

import argparse
import sys
from pathlib import Path

from release.artefacts import make_artefacts
from release.changelog import UNRELEASED, section_of
from release.preconditions import ReleaseError, check, read_version

REPOSITORY = Path(__file__).parents[1]


def main() -> int:
    """Check, build, and print what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearsal", action="store_true", help="build this tree as it is, into build/package")
    rehearsal = parser.parse_args().rehearsal
    try:
        version = read_version(REPOSITORY) if rehearsal else check(REPOSITORY)
        folder = REPOSITORY / "build" / "package" if rehearsal else REPOSITORY / "dist"
        files = make_artefacts(REPOSITORY, folder, _notes(version))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    for file in files:
        print(f"{file.stat().st_size:>10,}  {file.relative_to(REPOSITORY)}")
    if not rehearsal:
        print(f"Next: git tag v{version}, and push it; .github/workflows/release.yml publishes the same bytes.")
    return 0


def _notes(version: str) -> str:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    section = section_of(changelog, version) or section_of(changelog, UNRELEASED)
    return f"# airflow-provider-partnercenter {version}\n\n{section.text if section else ''}"


if __name__ == "__main__":
    sys.exit(main())
