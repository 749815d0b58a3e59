"""The token cache from task to task: fewer sign-ins, a refresh token that lives on, reads that never stop for it."""

import errno
import json
import os
import resource
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from airflow_partnercenter.emulator import Answer, Emulator
from airflow_partnercenter.emulator.credentials import issued_refresh_token
from airflow_partnercenter.exceptions import InteractionRequiredError
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.token_caches import FileStore
from tests.conftest import client_of
from tests.support.patience import at_once

RESOURCE = "partner_licenses_deployment"
TOKEN = "/oauth2/v2.0/token"
DAY = 86400


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the cache of this test lives; nothing is there yet."""
    return tmp_path / "cache" / "tokens.json"


@pytest.fixture
def read(emulator: Emulator, file: Path, connect: Any) -> Any:
    """Return a function that reads as a new task does; it returns how many token requests that took."""

    def read(**changes: Any) -> int:
        before = len(emulator.token_requests)
        connect(emulator, **{"token_cache": f"file:{file}"} | changes)
        assert PartnerCenterHook().list_licenses(RESOURCE)
        return len(emulator.token_requests) - before

    return read


def _sent(emulator: Emulator) -> list[str]:
    return [request.form["refresh_token"] for request in emulator.token_requests]


def _change(file: Path, **changes: Any) -> None:
    """Change what a section says, or with ``expires_on`` or ``refresh_token`` what MSAL's part of it says."""
    envelope = json.loads(file.read_text())
    for section in envelope["tokens"].values():
        for entry in section["msal"]["AccessToken"].values():
            entry["expires_on"] = changes.get("expires_on", entry["expires_on"])
        for entry in section["msal"].get("RefreshToken", {}).values():
            entry["secret"] = changes.get("secret", entry["secret"])
        section.update({name: value for name, value in changes.items() if name in section})
    file.write_text(json.dumps(envelope))


def _warnings(logs: Any) -> list[str]:
    return [text for text in logs.of("airflow_partnercenter", 30) if "oken" in text]


@pytest.mark.parametrize("auth", [{}, {"credential": "certificate"}, {"credential": "public_client"}], ids=str)
def test_task_that_starts_while_the_token_is_valid_asks_nobody(emulator, read, auth):
    """Neither a token request nor MSAL's own discovery: Partner Center gets the token of the task before."""
    assert [read(**auth) for _ in range(3)] == [1, 0, 0]
    assert len([request for request in emulator.requests if "openid-configuration" in request.path]) == 1
    assert len({request.headers["authorization"] for request in emulator.api_requests}) == 1


def test_application_alone_is_cached_too(emulator, file, connect):
    """App-only tokens are as good for an hour."""
    connect(emulator, auth_mode="app_only", token_cache=f"file:{file}")
    for _ in range(3):
        assert PartnerCenterHook().list_customers()
    assert len(emulator.token_requests) == 1


def test_rotated_refresh_token_survives_the_task(emulator, read, file):
    """A day later the access token is gone, and the newest refresh token is spent, not the connection's."""
    for _ in range(3):
        assert read() == 1
        _change(file, expires_on="1")
    first, second, third = _sent(emulator)
    assert first == emulator.refresh_token
    assert len({first, second, third}) == 3


def test_without_a_cache_each_task_signs_in_with_the_same_token(emulator, read):
    """What ``token_cache`` is for: here the refresh token of the connection is never renewed."""
    assert [read(token_cache=None) for _ in range(3)] == [1, 1, 1]
    assert set(_sent(emulator)) == {emulator.refresh_token}


def test_new_refresh_token_in_the_connection_wins(emulator, read):
    """Somebody signed in again: the older cache is void, valid access token or not, and the new one is kept."""
    read()
    new = issued_refresh_token(2)
    assert [read(refresh_token=new), read(refresh_token=new)] == [1, 0]
    assert _sent(emulator) == [emulator.refresh_token, new]


def test_task_with_the_older_connection_leaves_the_newer_cache_alone(emulator, read, file, connect):
    """A long task that began before somebody signed in again must not bring the older tokens back."""
    read()
    connect(emulator, token_cache=f"file:{file}")
    old = PartnerCenterHook()
    old.list_licenses(RESOURCE)
    new = issued_refresh_token(2)
    read(refresh_token=new)
    of_the_new = file.read_text()
    emulator.expire_access_tokens()
    old.list_licenses(RESOURCE)
    assert file.read_text() == of_the_new


def test_refused_access_token_is_replaced_for_all(emulator, read):
    """A token revoked within its hour costs one sign-in of one task; the next task has the new one."""
    read()
    emulator.expire_access_tokens()
    assert [read(), read()] == [1, 0]


def test_task_whose_token_is_refused_takes_the_one_another_task_got(emulator, file, connect, read):
    """Of two tasks with a revoked token only the first signs in."""
    read()
    connect(emulator, token_cache=f"file:{file}")
    one, other = PartnerCenterHook(), PartnerCenterHook()
    one.list_licenses(RESOURCE)
    other.list_licenses(RESOURCE)
    (refused,) = json.loads(file.read_text())["tokens"].popitem()[1]["msal"]["AccessToken"].values()
    emulator.expire_access_tokens()
    before = len(emulator.token_requests)
    one.list_licenses(RESOURCE)
    # Both tokens came within a second.
    _change(file, expires_on=refused["expires_on"])
    other.list_licenses(RESOURCE)
    assert len(emulator.token_requests) - before == 1


@pytest.mark.parametrize("name", ["revoked", "expired", "mfa_required", "other_client"])
def test_dead_refresh_token_in_the_cache_gives_way_to_the_connections(emulator, read, file, name):
    """A cached token that Entra ID refuses is no reason to fail while the connection's is good."""
    read()
    _change(file, expires_on="1", secret=Emulator.REFRESH_TOKENS[name])
    assert read() == 2
    assert _sent(emulator)[1:] == [Emulator.REFRESH_TOKENS[name], emulator.refresh_token]
    assert read() == 0


def test_both_refresh_tokens_dead_ask_for_a_person(emulator, read, file):
    """Then the sentence is Entra ID's, as without a cache."""
    dead = Emulator.REFRESH_TOKENS["revoked"]
    with pytest.raises(InteractionRequiredError, match="sign the service account in again"):
        read(refresh_token=dead)
    assert not file.exists()


def test_wrong_secret_is_not_tried_twice(emulator, read, file):
    """A refusal that is not about the refresh token will not be better with another one."""
    read()
    _change(file, expires_on="1")
    with pytest.raises(Exception, match="7000215"):
        read(password="wrong-secret")
    assert len(emulator.token_requests) == 2


def test_many_tasks_at_once_sign_in_once(emulator, file, connect):
    """A hundred mapped tasks that start on one host at the same moment wait for the first one's token."""
    connect(emulator, token_cache=f"file:{file}")
    hooks = [PartnerCenterHook() for _ in range(12)]
    failures: list[BaseException] = []

    def read(hook: PartnerCenterHook) -> None:
        try:
            hook.list_licenses(RESOURCE)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(hook,)) for hook in hooks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(emulator.token_requests) == 1
    assert len(emulator.api_requests) == 12


class _WithoutLock(FileStore):
    """A file on a disk without locks."""

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        yield


def test_tasks_without_a_lock_lose_no_newer_token(emulator, file, read):
    """Where locks do not work two tasks may sign in at once; both tokens are good, and the later one stays."""
    read()
    _change(file, expires_on="1")
    slow, fast = (client_of(emulator, token_store=_WithoutLock(file)) for _ in range(2))
    emulator.answer_next(Answer(delay_seconds=1.5), TOKEN)
    thread = threading.Thread(target=lambda: slow.list_licenses(RESOURCE))
    thread.start()
    time.sleep(0.3)
    fast.list_licenses(RESOURCE)
    of_the_fast = file.read_text()
    thread.join()
    assert len(emulator.token_requests) == 3
    assert file.read_text() != of_the_fast
    assert read() == 0
    _change(file, expires_on="1")
    read()
    assert len(set(_sent(emulator))) == 3


def test_lock_held_for_ever_holds_nobody_up_for_long(file):
    """Who cannot have the lock in time goes on without it."""
    file.parent.mkdir()
    with FileLock(f"{file}.lock"), at_once(), FileStore(file, lock_seconds=0.2).exclusive():
        pass


def test_connections_that_share_a_cache_keep_apart(emulator, read, file):
    """Another application, mode or tenant spelling has a section of its own; none sees the others' tokens."""
    ways = [{}, {"credential": "public_client"}, {"tenant_id": emulator.tenant_domain}]
    assert [read(**way) for way in ways] == [1, 1, 1]
    assert [read(**way) for way in ways] == [0, 0, 0]
    assert len(json.loads(file.read_text())["tokens"]) == 3


def test_section_nobody_has_used_for_ninety_days_is_dropped(read, file):
    """Its refresh token is dead; a cache does not grow for ever."""
    read()
    read(credential="public_client")
    envelope = json.loads(file.read_text())
    dead = next(owner for owner in envelope["tokens"] if "22223333" in owner)
    envelope["tokens"][dead]["written"] -= 91 * DAY
    file.write_text(json.dumps(envelope))
    _change(file, expires_on="1")
    read()
    assert len(json.loads(file.read_text())["tokens"]) == 1


def test_connection_test_never_touches_the_cache(emulator, read, file, connect):
    """The Test button proves the connection itself: it takes nothing from the cache, and leaves nothing there."""
    connect(emulator, token_cache=f"file:{file}")
    assert PartnerCenterHook().test_connection()[0]
    assert not file.exists()
    read()
    before = file.read_text(), file.stat().st_mtime_ns
    assert PartnerCenterHook().test_connection()[0]
    assert (file.read_text(), file.stat().st_mtime_ns) == before
    assert len(emulator.token_requests) == 3
    assert read() == 0


def test_test_button_with_an_expired_token_says_that_tasks_may_live_on(emulator, read, file, connect):
    """The connection's token has died of age, tasks live on by the rotated one: no false alarm."""
    read()
    _change(file, expires_on="1")
    emulator.answer_next(_dead_of_age, TOKEN)
    works, sentence = PartnerCenterHook().test_connection()
    assert not works
    assert "AADSTS700082" in sentence
    assert f"Tasks may still work by the newer refresh token in the token cache (file:{file})" in sentence
    assert read() == 1


def _dead_of_age(_: Any) -> Answer:
    text = "AADSTS700082: The refresh token has expired due to inactivity."
    return Answer(400, {"error": "invalid_grant", "error_description": text, "error_codes": [700082]})


def test_cache_helps_nobody_to_the_connections_token(emulator, read, file):
    """The connection's refresh token is remembered by a salted hash only; each cache has a salt of its own."""
    read()
    first = file.read_text()
    assert emulator.refresh_token not in first
    assert emulator.client_secret not in first
    file.unlink()
    read()
    sections = [json.loads(text)["tokens"].popitem()[1] for text in (first, file.read_text())]
    assert sections[0]["refresh_token"] != sections[1]["refresh_token"]


@pytest.mark.parametrize("emulator", [{"rotate_refresh_tokens": False}], indirect=True, ids=["no rotation"])
def test_age_of_a_refresh_token_that_nothing_renews_is_warned_of(emulator, read, file, logs):
    """From sixty days on, with the day it dies; where Entra ID gives no new one, using it makes it no younger."""
    read()
    _change(file, renewed=time.time() - 59 * DAY, expires_on="1")
    read()
    assert _warnings(logs) == []
    renewed = time.time() - 61 * DAY
    _change(file, renewed=renewed, expires_on="1")
    read()
    (warning,) = _warnings(logs)
    assert "has not been renewed for 61 days" in warning
    assert time.strftime("%Y-%m-%d", time.gmtime(renewed + 90 * DAY)) in warning
    assert "sign the service account in again" in warning


def test_old_refresh_token_that_is_renewed_is_no_reason_to_warn(read, file, logs):
    """A job that slept for two months and then rotates its token is well."""
    read()
    _change(file, renewed=time.time() - 61 * DAY, expires_on="1")
    read()
    read()
    assert _warnings(logs) == []


@pytest.mark.parametrize("left_out", [("id_token", "client_info"), ("scope",), ("refresh_token",)], ids=str)
def test_token_service_that_says_less_is_cached_as_well(emulator, read, left_out):
    """Neither account information nor scopes nor rotation are needed for what the cache is for."""

    def less(body: bytes) -> bytes:
        return json.dumps({name: value for name, value in json.loads(body).items() if name not in left_out}).encode()

    emulator.answer_next(Answer(rewrite=less), TOKEN, times=9)
    assert [read(), read()] == [1, 0]
    emulator.expire_access_tokens()
    assert read() == 1
    assert (len(set(_sent(emulator))) == 1) is ("refresh_token" in left_out)


CUT_OFF = '{"airflow_partnercenter_token_cache": 1, "tokens": {"app_user'


@pytest.mark.parametrize(
    "content", [CUT_OFF, "", "  \n", "{}", "\0" * 100], ids=["cut off", "empty", "blank", "{}", "NUL"]
)
def test_cache_that_is_cut_off_is_written_anew(read, file, logs, content):
    """What is recognised as ours, or nothing at all, is replaced; the next task profits again."""
    file.parent.mkdir()
    file.write_text(content)
    file.chmod(0o600)
    assert [read(), read()] == [1, 0]
    warnings = _warnings(logs)
    assert len(warnings) == (content == CUT_OFF)
    assert all("is damaged and is written anew" in warning and str(file) in warning for warning in warnings)


FOREIGN = {
    "settings": "[core]\nexecutor = LocalExecutor\n",
    "MSAL's own": '{"AccessToken": {}, "RefreshToken": {"x": {"secret": "y"}}}',
    "list": "[]",
    "number": "5",
    "nested": "[" * 100_000,
    "newer version": '{"airflow_partnercenter_token_cache": 2, "tokens": {}}',
}


@pytest.mark.parametrize("case", FOREIGN)
def test_file_that_is_something_else_stays_untouched(read, file, logs, case):
    """A wrong path must not destroy what is there: the read goes on, and one warning says what to do."""
    file.parent.mkdir()
    file.write_text(FOREIGN[case])
    file.chmod(0o600)
    assert [read(), read()] == [1, 1]
    assert file.read_text() == FOREIGN[case]
    assert len(_warnings(logs)) == 2
    assert all("name another place in token_cache" in warning and str(file) in warning for warning in _warnings(logs))


@pytest.mark.parametrize(
    "damage",
    [
        lambda section: section.pop("msal"),
        lambda section: section.update(msal={"AccessToken": {"x": {}}}),
        lambda section: section.update(msal={"AccessToken": {"x": {"secret": "y", "expires_on": "soon"}}}),
        lambda section: section.update(msal={"RefreshToken": {"x": {"secret": 5, "last_modification_time": "1"}}}),
        lambda section: section.update(msal={"AccessToken": {"x": {"secret": "y", "expires_on": "1"}}}),
        lambda section: section.update(msal={"IdToken": {"x": {"secret": 5}}}),
        lambda section: section.update(msal={"Account": {"x": 5}}),
        lambda section: section.update(msal=[]),
        lambda section: section.update(salt=5),
        lambda section: section.update(salt="\ud800", refresh_token="\xe9"),
        lambda section: section.update(renewed=float("inf")),
        lambda section: section.update(renewed="x"),
        lambda section: section.clear(),
    ],
)
def test_damaged_section_is_no_section(read, file, damage):
    """Whatever became of a section, neither we nor MSAL stumble over it: it is replaced."""
    read()
    envelope = json.loads(file.read_text())
    for section in envelope["tokens"].values():
        damage(section)
    file.write_text(json.dumps(envelope))
    assert [read(), read()] == [1, 0]


def test_token_that_no_header_can_carry_is_not_taken_from_the_cache(read, file):
    """A line break in a cached token would end the header."""
    read()
    file.write_text(file.read_text().replace('"credential_type": "AccessToken", "secret": "', '"secret": "a\\nb'))
    assert [read(), read()] == [1, 0]


def test_file_is_readable_by_its_owner_alone(read, file):
    """Whatever the umask; missing folders are made in the same way."""
    old = os.umask(0)
    try:
        read()
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {entry.name for entry in file.parent.iterdir()} <= {file.name, f"{file.name}.lock"}


def test_file_that_others_can_read_is_warned_of_and_mended(read, file, logs):
    """The mode is named with what to do; the next write has 0600 again."""
    read()
    file.chmod(0o644)
    assert read() == 0
    (warning,) = _warnings(logs)
    assert "0644" in warning
    assert "0600" in warning
    _change(file, expires_on="1")
    read()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_symbolic_link_stays_one(read, file, tmp_path):
    """A link to a mounted disk leads there after the write too."""
    target = tmp_path / "disk" / "tokens.json"
    target.parent.mkdir()
    file.parent.mkdir()
    file.symlink_to(target)
    assert [read(), read()] == [1, 0]
    assert file.is_symlink()
    assert target.is_file()


def _folder(file: Path) -> None:
    file.mkdir(parents=True)


def _pipe(file: Path) -> None:
    file.parent.mkdir()
    os.mkfifo(file)


def _loop(file: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(file)


def _below_a_file(file: Path) -> None:
    file.parent.write_text("x")


def _binary(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe")
    file.chmod(0o600)


def _huge(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"x" * (2 << 20))
    file.chmod(0o600)


@pytest.mark.parametrize("prepare", [_folder, _pipe, _loop, _below_a_file, _binary, _huge])
def test_place_that_can_hold_no_cache_costs_one_warning(read, file, logs, prepare):
    """A folder, a pipe that would block, a link to itself: the read goes on, and one warning says what to do."""
    prepare(file)
    assert read() == 1
    (warning,) = _warnings(logs)
    assert str(file) in warning
    assert "The read goes on" in warning
    assert "token_cache" in warning
    assert "dies 90 days" in warning


@contextmanager
def _without_rights(*readable: Path) -> Iterator[None]:
    """Be a user without rights for a while, if this is root, who may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    for path in readable:
        path.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o555, 0o000], ids=["read-only folder", "closed folder"])
def test_folder_without_rights_costs_one_warning(emulator, connect, logs, mode):
    """A read-only mount: the read goes on, and one warning says which rights are needed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(mode)
    connect(emulator, token_cache=f"file:{folder}/tokens.json")
    hook = PartnerCenterHook()
    with _without_rights(Path(emulator.ca_bundle).parent):
        assert hook.list_licenses(RESOURCE)
        emulator.expire_access_tokens()
        assert hook.list_licenses(RESOURCE)
    folder.chmod(0o700)
    folder.rmdir()
    (warning,) = _warnings(logs)
    assert os.strerror(errno.EACCES) in warning
    assert "let the user that runs Airflow's tasks read and write it" in warning


def test_full_disk_leaves_the_old_cache_whole(read, file, logs):
    """A write that fails in the middle leaves what was there, and no fragment beside it."""
    read()
    _change(file, expires_on="1")
    before = file.read_text()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        assert read() == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_text() == before
    assert {entry.name for entry in file.parent.iterdir()} <= {file.name, f"{file.name}.lock"}
    assert len(_warnings(logs)) == 1


def test_every_token_of_the_cache_is_masked(emulator, read, file):
    """Tokens that come from the store are told to Airflow's masker before they are used."""
    read()
    told: list[str] = []
    client = client_of(emulator, on_secret=told.append, token_store=FileStore(file))
    client.list_licenses(RESOURCE)
    section = json.loads(file.read_text())["tokens"].popitem()[1]["msal"]
    for kind in ("AccessToken", "RefreshToken"):
        assert {entry["secret"] for entry in section[kind].values()} <= set(told)
    assert len(emulator.token_requests) == 1
