"""What the pages name exists: parameters, errors, fields, options, commands, targets, variables, modules, files."""

import builtins
import fnmatch
import re

import pytest
from airflow.cli.cli_config import core_commands

from airflow_partnercenter.emulator import Emulator
from fuzz.targets import TARGETS
from tests.unit.docs import public
from tests.unit.docs.pages import REPOSITORY, Page, all_pages

#: Names in the text that are neither ours nor Airflow's; by whose they are.
FOREIGN = {
    "Microsoft's": "user_impersonation revokeSignInSessions",
    "the clouds'": "emptyDir AbortIncompleteMultipartUpload",
    "Airflow's, in places that our code does not name": "PartitionedAtRuntime",
    "Python libraries'": "to_numpy acquire_token_interactive pytest_plugins NaT",
}
#: Options of other programs, by the program.
FOREIGN_OPTIONS = {
    "pytest": ["--hypothesis-seed", "-s", "-m", "-n"],
    "airflow connections add": ["--conn-json"],
    "pip": ["--require-hashes"],
}
#: Variables that other programs read.
FOREIGN_VARIABLES = {"TMPDIR", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HOME", "PATH"}
_FOREIGN_NAMES = {name for names in FOREIGN.values() for name in names.split()}
_FOLDERS = ("airflow_partnercenter/", "dags/", "docs/", "tests/", "benchmarks/", "fuzz/", "requirements/", ".ci/")
pytestmark = pytest.mark.airflow(">=3.3")  # pages name what the newest Airflow has
PAGES = pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)


def _spans(page: Page, pattern: str) -> list[re.Match[str]]:
    return [match for span in page.spans if (match := re.fullmatch(pattern, span))]


def _shell_lines(page: Page) -> list[str]:
    lines = [line for language, code in page.blocks if language in ("sh", "bash", "console") for line in _joined(code)]
    return [line.removeprefix("$ ").strip() for line in [*lines, *page.spans]]


def _joined(code: str) -> list[str]:
    return re.sub(r"\\\n\s*", "", code).splitlines()


def _known(name: str) -> bool:
    ours = public.vocabulary() | set(Emulator.FAULTS) | set(TARGETS)
    if (
        name in dir(builtins)
        or name in ours
        or name in public.airflows_parameters() | public.airflows_settings() | _FOREIGN_NAMES
    ):
        return True
    return "*" in name and bool(fnmatch.filter(public.vocabulary(), name))


@PAGES
def test_make_targets_exist(page: Page) -> None:
    """``make x`` in the text or in a block is a target of the Makefile."""
    found = [re.match(r"make ((?:[a-z-]+ ?)+)$", line) for line in _shell_lines(page)]
    assert {name for match in found if match for name in match[1].split()} <= public.make_targets()


@PAGES
def test_our_commands_parse(page: Page) -> None:
    """A whole command of ours is understood by the command line, with the options and values that are printed."""
    for line in _shell_lines(page):
        found = re.match(r"airflow(?:-partnercenter| partner-center)(?: (.*))?$", re.sub(r" [#>|].*", "", line))
        if not found or not found[1] or re.search(r"[…\[]|^[A-Z]", found[1]):
            continue
        command, *arguments = found[1].split()
        parser = public.cli_parsers()[command]
        flags = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
        unknown = [flag for flag in flags if flag not in parser._option_string_actions]
        assert not unknown, f"{line}: {command} has no {unknown}"


@PAGES
def test_airflows_commands_exist(page: Page) -> None:
    """``airflow x y`` is a command of Airflow's."""
    commands = {command.name: {sub.name for sub in getattr(command, "subcommands", ())} for command in core_commands}
    for line in _shell_lines(page):
        found = re.match(r"airflow ([a-z-]+)(?: ([a-z-]+))?", line)
        if found and found[1] != "partner-center":
            assert found[1] in commands, line
            assert not commands[found[1]] or not found[2] or found[2] in commands[found[1]], line


@PAGES
def test_options_exist(page: Page) -> None:
    """``--option`` in the text belongs to a command of ours, or to a program named above."""
    known = {*public.cli_options(), *(flag for flags in FOREIGN_OPTIONS.values() for flag in flags)}
    named = {match[1] for match in _spans(page, r"(--?[a-z][\w-]*)(?:[= ].*)?")}
    assert not named - known


@PAGES
def test_variables_are_read_by_somebody(page: Page) -> None:
    """An environment variable is one of ours, of Airflow's, or of a program named above."""
    code = {*public.vocabulary(), *public.tests_vocabulary(), *FOREIGN_VARIABLES}
    named = {match[1] for match in _spans(page, r"(?:export )?([A-Z][A-Z0-9]*(?:_[A-Z0-9…]+)+)(?:=.*)?")}
    blocks = [
        code for language, code in page.blocks if language in ("sh", "bash", "console", "yaml", "dockerfile", "ini")
    ]
    named |= {name for block in blocks for name in re.findall(r"\b(AIRFLOW_[A-Z0-9_]+)\b", block)}
    for name in named:
        if not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_")):
            assert name in code, name


@PAGES
def test_extras_exist(page: Page) -> None:
    """``pip install 'airflow-provider-partnercenter[x]'`` installs something."""
    named = re.findall(r"airflow-provider-partnercenter\[([\w,]+)\]", page.text)
    assert {extra for names in named for extra in names.split(",")} <= public.extras()


@PAGES
def test_dotted_names_can_be_imported(page: Page) -> None:
    """``airflow_partnercenter.a.b`` names a module or something in it."""
    for name in re.findall(r"(?<![\w/:@-])airflow_partnercenter(?:\.\w+)+", page.prose):
        assert public.resolve(name) is not None


def _in_an_example(path: str) -> bool:
    return any(REPOSITORY.glob(f"tests/examples/*/{path}"))


@PAGES
def test_files_exist(page: Page) -> None:
    """A path within the repository leads to a file or folder; a bare file name is that of some file."""
    for span in page.spans:
        path = span.split(" ")[-1].removesuffix(":").partition("::")[0]  # a test within its file: test_security_page
        if path.startswith(_FOLDERS) and not re.search(r"[<>{}…*]", path):
            # Where the wheel has the sample DAGs, and the repository that a page has its reader make.
            elsewhere = path.startswith("airflow_partnercenter/example_dags") or _in_an_example(path)
            assert (REPOSITORY / path).exists() or elsewhere, path
    for match in _spans(page, r"([\w-]+\.py)"):
        folders = ("airflow_partnercenter", "dags", "tests")
        assert any(file for folder in folders for file in REPOSITORY.glob(f"{folder}/**/{match[1]}")), match[1]


@PAGES
def test_errors_exist(page: Page) -> None:
    """A name that ends in Error is one of ours, Python's, Airflow's or a library's that our code names."""
    known = {*public.ERRORS, *public.vocabulary(), *dir(builtins)}
    assert {match[1] for match in _spans(page, r"(?:\w+\.)*([A-Z]\w*Error)")} <= known


@PAGES
def test_arguments_exist_and_take_the_value(page: Page) -> None:
    """``name=value`` in the text is a parameter of ours or of Airflow's, and the value one of its choices."""
    ours = {name for function in public.callables().values() for name in public.parameters(function)}
    fields = public.connection_fields()
    for match in _spans(page, r"([a-z_]+) ?= ?(.+)"):
        name, value = match[1], match[2]
        assert name in ours | fields or _known(name), match[0]
        text = re.fullmatch(r"\"(\w+)\"", value)
        possible = public.choices(name)
        if text and possible:
            assert text[1] in possible, match[0]


@PAGES
def test_attributes_of_our_objects_exist(page: Page) -> None:
    """``emulator.inject(…)`` and ``PartnerCenterHook.get_df`` are there."""
    classes = {**public.OBJECTS, **{kind.__name__: kind for kind in public.classes()}}
    for match in _spans(page, r"(\w+)\.(\w+)\b(.*)"):
        if match[1] in classes and match[1] != match[2]:
            kind = classes[match[1]]
            known = {*dir(kind), *public.parameters(kind), *re.findall(r":ivar (\w+):", kind.__doc__ or ""), "py"}
            assert match[2] in known, match[0]


@PAGES
def test_names_exist(page: Page) -> None:
    """A name in code font, whatever it is, is one in the code; those of others are listed above."""
    shapes = (
        r"([a-z]+(?:_[a-z0-9]+)+\*?)(?:\(.*\))?",  # parameters, columns, functions, faults
        r"([A-Z][a-z]+(?:[A-Z][A-Za-z]*)+)(?:\(.*\))?",  # classes
        r"([a-z]+(?:[A-Z][a-z]+)+)",  # Microsoft's fields
    )
    unknown = {match[1] for shape in shapes for match in _spans(page, shape) if not _known(match[1])}
    assert not unknown
