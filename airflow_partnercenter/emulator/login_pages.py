"""The pages that a person's browser meets at the emulated Entra ID. Plain forms: a test can fill them in too."""

from collections.abc import Iterable, Mapping
from html import escape

from fastapi.responses import HTMLResponse

from airflow_partnercenter.emulator.credentials import USERS
from airflow_partnercenter.emulator.sign_in_errors import SIGN_IN_FAULTS

CONSENT = "consent"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 10vh auto; max-width: 26rem; padding: 0 1rem; color: #1b1b1b }}
label {{ display: block; margin: 1rem 0 .25rem }}
select, input[type=text], button {{ font: inherit; padding: .4rem .6rem; width: 100%; box-sizing: border-box }}
button {{ margin-top: 1.5rem; background: #0067b8; border: 0; color: white }}
small {{ color: #555 }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
<p><small>Emulator of Microsoft Entra ID on this machine. No password is needed; nothing here is real.</small></p>
</body>
</html>
"""


def page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """Return a page; ``body`` is HTML, ``title`` is text."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status, headers)


def login_page(hidden: Mapping[str, str], *, user_code: bool = False, login_hint: str = "") -> HTMLResponse:
    """Return the page on which a person signs in.

    :param hidden: what the form sends along.
    :param user_code: whether to ask for the code that a device shows.
    :param login_hint: the user to propose.
    """
    code = '<label for="user_code">Code</label><input type="text" id="user_code" name="user_code" autofocus required>'
    return page(
        "Sign in",
        f'<form method="post">{_hidden(hidden)}{code if user_code else ""}'
        f'<label for="user">User</label><select id="user" name="user">{_options(USERS, login_hint)}</select>'
        '<label><input type="checkbox" id="mfa" name="mfa" value="yes" checked> with a second factor (MFA)</label>'
        '<label for="outcome">Outcome</label>'
        f'<select id="outcome" name="outcome">{_options((CONSENT, *SIGN_IN_FAULTS))}</select>'
        '<button type="submit">Sign in</button></form>',
    )


def form_post_page(address: str, parameters: Mapping[str, str]) -> HTMLResponse:
    """Return a page that posts parameters to the application by itself (``response_mode=form_post``)."""
    return page(
        "Working …",
        f'<form method="post" action="{escape(address)}">{_hidden(parameters)}'
        '<noscript><button type="submit">Continue</button></noscript></form>'
        "<script>document.forms[0].submit()</script>",
    )


def error_page(text: str, status: int) -> HTMLResponse:
    """Return what a person sees where the application cannot be told."""
    return page("Sorry, but we're having trouble signing you in.", f"<p>{escape(text)}</p>", status)


def _hidden(parameters: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in parameters.items()
    )


def _options(values: Iterable[str], chosen: str = "") -> str:
    return "".join(f"<option{' selected' if value == chosen else ''}>{escape(value)}</option>" for value in values)
