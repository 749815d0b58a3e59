"""``airflow-partnercenter login``: a person signs in once, and the connection can work unattended from then on."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from airflow_partnercenter.cli.command import Command, option
from airflow_partnercenter.cli.streams import result_stream

if TYPE_CHECKING:
    from airflow_partnercenter.api.entra.interactive import InteractiveSignIn, SignedIn
    from airflow_partnercenter.cli.login_plan import LoginPlan

_INTERRUPTED = 130
_REQUEST_SECONDS = 30


def run(arguments: argparse.Namespace) -> int:
    """Sign a person in and write the connection; say what happens on standard error."""
    from airflow_partnercenter.exceptions import PartnerCenterError

    try:
        with result_stream() as out:
            return _login(arguments, out)
    except KeyboardInterrupt:
        _say("\nStopped. Nothing was written.")
        return _INTERRUPTED
    except PartnerCenterError as error:
        _say(f"Nothing was written. {error}")
        return 1


def _login(arguments: argparse.Namespace, out: TextIO) -> int:
    from airflow_partnercenter.api.entra.claims import objections
    from airflow_partnercenter.cli.login_plan import make_plan

    plan = make_plan(arguments, say=_say, out=out)
    plan.destination.check()
    sign_in = _sign_in(plan, arguments.scope)
    signed_in = (_by_device_code if arguments.device_code else _by_browser)(sign_in, arguments)
    claims = signed_in.claims
    if found := objections(claims, audience=plan.audience, tenant_id=plan.settings.tenant_id):
        _say(f"Signed in as {claims.user or 'somebody'}, but nothing was written:")
        for sentence in found:
            _say(f"  - {sentence}.")
        return 1
    if claims.readable:
        _say(f"Signed in as {claims.user} in tenant {claims.tenant_id}, with multi-factor authentication.")
    else:
        _say(f"Signed in. The access token cannot be read here: run `airflow-partnercenter check {plan.conn_id}` next.")
    _say(plan.destination.write(plan.fields_with(signed_in.refresh_token)))
    return 0


def _sign_in(plan: "LoginPlan", scopes: list[str]) -> "InteractiveSignIn":
    from airflow_partnercenter.api.entra.interactive import InteractiveSignIn
    from airflow_partnercenter.api.wire.network import Network
    from airflow_partnercenter.api.wire.redaction import Redactor
    from airflow_partnercenter.api.wire.retrying import RetryPolicy
    from airflow_partnercenter.connection.credentials import secrets_of

    settings, redactor = plan.settings, Redactor()
    for secret in secrets_of(settings):
        redactor.add(secret)
    return InteractiveSignIn(
        plan.credentials,
        authority=plan.authority,
        scopes=scopes or [f"{plan.audience}/user_impersonation"],
        network=Network(ca_bundle=settings.ca_bundle, proxy=settings.proxy, request_timeout_seconds=_REQUEST_SECONDS),
        retry=RetryPolicy(attempts=3, total_seconds=_REQUEST_SECONDS),
        redactor=redactor,
    )


def _by_browser(sign_in: "InteractiveSignIn", arguments: argparse.Namespace) -> "SignedIn":
    from airflow_partnercenter.cli.browser import open_in_browser
    from airflow_partnercenter.cli.loopback import RedirectListener

    with RedirectListener(arguments.port, arguments.redirect_path) as listener:
        started = sign_in.start(listener.redirect_uri, user=arguments.user)
        listener.expect(started.state)
        _say("Sign in as the service account, in a browser on this machine:\n")
        _say(f"    {started.address}\n")
        if not arguments.no_browser and open_in_browser(started.address):
            _say("A browser was asked to open this page.")
        else:
            _say("No browser was opened: open the address yourself, or use --device-code where there is none.")
        _say(
            f"If the page says AADSTS50011, the application lacks the redirect URI http://localhost{arguments.redirect_path}."
        )
        _say(f"Waiting {arguments.timeout} seconds for {listener.redirect_uri}; Ctrl-C stops.")
        answer = listener.wait(arguments.timeout)
    return sign_in.finish(started, answer)


def _by_device_code(sign_in: "InteractiveSignIn", arguments: argparse.Namespace) -> "SignedIn":
    started = sign_in.start_device()
    seconds = min(arguments.timeout, started.expires_in_seconds or arguments.timeout)
    _say(f"In any browser, open {started.address} and enter the code {started.user_code}")
    _say(f"Sign in there as the service account. Waiting {seconds} seconds; Ctrl-C stops.")
    deadline = time.monotonic() + seconds
    return sign_in.finish_device(started, give_up=lambda: time.monotonic() > deadline)


def _say(sentence: str) -> None:
    """Speak on standard error, so that standard output is the connection and nothing else."""
    print(sentence, file=sys.stderr, flush=True)


def _seconds(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= 3600):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 1 to 3600")
    return int(text)


def _path(text: str) -> str:
    if text and not (text.startswith("/") and text.isascii() and text.isprintable() and not set(text) & set("?# ")):
        raise argparse.ArgumentTypeError(f"{text!r} is no path such as /signed-in")
    return text


class _NoSecretHere(argparse.Action):
    """Refuses a secret on the command line, without repeating it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        parser.error(
            "a secret on a command line can be read by everybody on this machine, and stays in the shell's history: "
            "use --client-secret-env, --client-secret-file or --client-secret-stdin, or wait to be asked"
        )


COMMAND = Command(
    "login",
    "sign a person in once, with MFA, and write the connection",
    (
        option(
            "--conn-id",
            metavar="CONN_ID",
            help="an Airflow connection to take everything from that is not given here, and to write; default: a new "
            "partner_center_default",
        ),
        option("--tenant-id", "--tenant", metavar="TENANT", help="the partner's own Entra tenant: GUID or domain"),
        option("--client-id", metavar="ID", help="the application (client) ID"),
        option("--client-secret-env", metavar="NAME", help="environment variable that holds the client secret"),
        option("--client-secret-file", metavar="PATH", type=Path, help="file that holds the client secret"),
        option("--client-secret-stdin", action="store_true", help="read the client secret from standard input"),
        option("--client-secret", action=_NoSecretHere, help=argparse.SUPPRESS),
        option("--public-client", action="store_true", help="the application has no secret"),
        option("--cloud", choices=("global", "us_government", "china"), help="the Microsoft cloud; default: global"),
        option("--authority", metavar="URL", help="login host, instead of the cloud's"),
        option("--host", metavar="URL", help="address of Partner Center, instead of the cloud's"),
        option("--ca-bundle", metavar="PATH", help="PEM file with the certificate authorities to trust"),
        option("--proxy", metavar="URL", help="HTTPS proxy, without a password; default: HTTPS_PROXY"),
        option(
            "--token-cache",
            metavar="SETTING",
            help="where the tasks keep renewed tokens: variable:NAME, file:PATH, or none; default of a new connection: "
            "variable:partner_center_token_cache",
        ),
        option(
            "--scope",
            action="append",
            default=[],
            metavar="SCOPE",
            help="scope to ask for, may be repeated; default: user_impersonation of Partner Center",
        ),
        option("--user", metavar="NAME", help="user to propose on the login page"),
        option("--device-code", action="store_true", help="sign in on another device; for machines without a browser"),
        option("--no-browser", action="store_true", help="only print the address of the login page"),
        option("--port", type=int, default=0, help="port of http://localhost for the answer; default: any free one"),
        option(
            "--redirect-path", type=_path, default="", metavar="PATH", help="path of the redirect URI, if not empty"
        ),
        option("--timeout", type=_seconds, default=300, metavar="SECONDS", help="seconds to wait for the person"),
        option(
            "--output",
            choices=("airflow", "env", "json"),
            default="airflow",
            help="where the connection goes: Airflow's database (default), a line for AIRFLOW_CONN_*, or JSON",
        ),
        option("--file", type=Path, metavar="PATH", help="write env or json to this file, with mode 0600"),
        option("--show-secrets", action="store_true", help="print env or json on standard output"),
    ),
    run,
    "Sign the service account in once, with multi-factor authentication, and write the connection with its refresh "
    "token. With --conn-id of an existing connection that is all it takes to sign in again.",
)
