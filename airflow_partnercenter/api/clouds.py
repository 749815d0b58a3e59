"""Base URL, authority and token audience of each Microsoft cloud that has a Partner Center.

Source: https://learn.microsoft.com/en-us/partner-center/developer/partner-center-rest-urls (read 2026-11-20)
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """One Microsoft cloud.

    :param base_url: of the Partner Center REST API.
    :param authority: login host of Microsoft Entra ID; the tenant is appended.
    :param audience: resource that access tokens must be issued for. It stays the same when the base URL is
        overridden, as it names the service and not the way to it.
    :param token_exchange_audience: for whom a managed identity's token must be, to stand for an application.
    """

    base_url: str
    authority: str
    audience: str
    token_exchange_audience: str


_GLOBAL = "https://api.partnercenter.microsoft.com"
_CHINA = "https://partner.partnercenterapi.microsoftonline.cn"

CLOUDS = {
    "global": Cloud(_GLOBAL, "https://login.microsoftonline.com", _GLOBAL, "api://AzureADTokenExchange"),
    # US Government has the global API with a login host of its own.
    "us_government": Cloud(_GLOBAL, "https://login.microsoftonline.us", _GLOBAL, "api://AzureADTokenExchangeUSGov"),
    # Public sources name two login hosts for 21Vianet, this one and login.partner.microsoftonline.cn; the
    # connection's `authority` overrides our choice.
    "china": Cloud(_CHINA, "https://login.chinacloudapi.cn", _CHINA, "api://AzureADTokenExchangeChina"),
}
