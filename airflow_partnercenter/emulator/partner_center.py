"""Partner Center's licence analytics and its list of customers, as routes.

Source: https://learn.microsoft.com/en-us/partner-center/developer/partner-center-analytics-resources
"""

import base64
import binascii
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response

from airflow_partnercenter.emulator import faults, query
from airflow_partnercenter.emulator.answers import answer
from airflow_partnercenter.emulator.datasets import Body, Dataset
from airflow_partnercenter.emulator.faults import FaultError
from airflow_partnercenter.emulator.legacy import collection
from airflow_partnercenter.emulator.partner import Customer, Kind
from airflow_partnercenter.emulator.tokens import AccessTokens

AUDIENCES = ("https://api.partnercenter.microsoft.com", "https://partner.partnercenterapi.microsoftonline.cn")
KINDS: tuple[Kind, ...] = ("deployment", "usage")
LARGEST_CUSTOMER_PAGE = 500
LinkForm = Literal["absolute", "relative"]
Endpoint = Callable[[Request], Awaitable[Response]]
RowsChange = Callable[[list[Any]], list[Any]]
CustomerEndpoint = Callable[[Request, str], Awaitable[Response]]


class PartnerCenter:
    """The API.

    :param max_page_size: rows on a page at most; a larger ``top`` is cut to it, as long as it is documented.
    :param link_form: how ``@nextLink`` is written, which Microsoft's pages never show.
    """

    def __init__(
        self,
        base_url: str,
        tokens: AccessTokens,
        dataset: Dataset,
        *,
        max_page_size: int,
        link_form: LinkForm,
        bom: bool,
    ) -> None:
        self._base_url = base_url
        self._tokens = tokens
        self._dataset = dataset
        self._max_page_size = max_page_size
        self._link_form = link_form
        self._bom = bom

    def router(self) -> APIRouter:
        """Return the routes; the last one answers for every other path."""
        router = APIRouter()
        for kind in KINDS:
            for prefix in ("/v1", "/partner/v1"):
                for slash in ("", "/"):
                    path = f"{prefix}/analytics/commercial/{kind}/license{slash}"
                    router.add_api_route(path, self._commercial(kind), response_model=None)
            router.add_api_route(f"/v1/analytics/licenses/{kind}", self._partner_licenses(kind), response_model=None)
            path = f"/v1/customers/{{customer_id}}/analytics/licenses/{kind}"
            router.add_api_route(path, self._customer_licenses(kind), response_model=None)
        router.add_api_route("/v1/customers", self.customers, response_model=None)
        router.add_api_route("/{path:path}", self.unknown, response_model=None)
        return router

    async def unknown(self, request: Request) -> Response:
        """Answer a path that does not exist; who has no token does not learn even that."""
        self._authorize(request)
        raise FaultError(faults.NOT_FOUND)

    async def customers(self, request: Request) -> Response:
        """Answer with a page of customers; the next page is asked for with a continuation token."""
        self._authorize(request)
        largest = min(LARGEST_CUSTOMER_PAGE, self._max_page_size)
        size = query.whole_number("size", request.query_params.get("size"), largest, 1)
        size, every = min(size, largest), self._dataset.customers()
        start = self._continued(request)
        items = [_customer_item(customer) for customer in every[start : start + size]]
        links: dict[str, object] = {"self": _link(f"/customers?size={size}")}
        if start + size < len(every):
            token = base64.b64encode(f"customers:{start + size}".encode()).decode()
            links["next"] = _link(f"/customers?size={size}&seekOperation=Next", token)
        return self._answer(request, Body(collection(items, links=links)))

    def _continued(self, request: Request) -> int:
        """Return where the page starts that a request asks for."""
        token = request.headers.get("MS-ContinuationToken")
        if token is None and request.query_params.get("seekOperation") is None:
            return 0
        try:
            name, _, start = base64.b64decode(token or "", validate=True).decode().partition(":")
            if name == "customers":
                return int(start)
        except (ValueError, binascii.Error):
            pass
        raise FaultError(faults.INVALID_INPUT, "MS-ContinuationToken is missing or not one of ours.")

    def _partner_licenses(self, kind: Kind) -> Endpoint:
        """Return the endpoint of A or B."""

        async def endpoint(request: Request) -> Response:
            self._authorize(request, user_only=True)
            return self._answer(request, _changed(request, self._dataset.legacy(kind, None)))

        return endpoint

    def _customer_licenses(self, kind: Kind) -> CustomerEndpoint:
        """Return the endpoint of C or D."""

        async def endpoint(request: Request, customer_id: str) -> Response:
            self._authorize(request, user_only=True)
            try:
                guid = str(uuid.UUID(customer_id))
            except ValueError:
                raise FaultError(faults.INVALID_CUSTOMER_ID) from None
            customer = self._dataset.customer(guid)
            if customer is None:
                raise FaultError(faults.TENANT_NOT_FOUND)
            return self._answer(request, _changed(request, self._dataset.legacy(kind, customer)))

        return endpoint

    def _commercial(self, kind: Kind) -> Endpoint:
        """Return the endpoint of E or F."""

        async def endpoint(request: Request) -> Response:
            self._authorize(request, user_only=True)
            parameters = dict(request.query_params)
            change = _rows_of(request)
            return self._answer(request, self._commercial_body(kind, request.url.path, parameters, change))

        return endpoint

    def _commercial_body(self, kind: Kind, path: str, parameters: Mapping[str, str], change: RowsChange | None) -> Body:
        """Return the page that a query asks for.

        :param change: makes other rows of them, before they are cut into pages.
        """
        top = query.whole_number("top", parameters.get("top"), self._max_page_size, 1, query.LARGEST_TOP)
        top = min(top, self._max_page_size)
        skip = query.whole_number("skip", parameters.get("skip"), 0, 0)
        rows = self._dataset.rows(kind, query.processed_date(parameters.get("processedDateTime")))
        if expression := parameters.get("filter"):
            rows = query.filtered(rows, expression, kind)
        if groupby := parameters.get("groupby"):
            rows = query.grouped(rows, groupby, kind, self._dataset.counts(kind))
        rows = change(rows) if change else rows
        page = rows[skip : skip + top]
        if (whole := self._dataset.everything(kind)) and page == self._dataset.rows(kind, None):
            return whole
        link = self._next_link(path, parameters, top, skip + top) if skip + top < len(rows) else None
        return Body({"Value": page, "@nextLink": link, "TotalCount": len(rows)})

    def _next_link(self, path: str, parameters: Mapping[str, str], top: int, skip: int) -> str:
        """Return the address of the next page: the same query, further on."""
        text = urlencode({**parameters, "top": top, "skip": skip}, quote_via=quote)
        return f"{self._base_url if self._link_form == 'absolute' else ''}{path}?{text}"

    def _authorize(self, request: Request, *, user_only: bool = False) -> None:
        """Refuse a request whose token is missing or not good enough."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise FaultError(faults.TOKEN_MISSING)
        if (known := self._tokens.find(token.strip())) is None:
            raise FaultError(faults.ACCESS_DENIED)
        if known.audience not in AUDIENCES:
            raise FaultError(faults.WRONG_AUDIENCE)
        if known.app_only and user_only:
            raise FaultError(faults.APP_ONLY_REFUSED)
        if not known.app_only and not known.mfa:
            raise FaultError(faults.MFA_REQUIRED)

    def _answer(self, request: Request, body: Body) -> Response:
        """Return an answer with status 200."""
        return answer(request, 200, body.content, bom=self._bom, headers=body.headers)


def _rows_of(request: Request) -> RowsChange | None:
    """Return what an injected fault does to the rows of this answer."""
    change: RowsChange | None = request.scope.get("state", {}).get("rows")
    return change


def _changed(request: Request, body: Body) -> Body:
    """Return the body of an older endpoint with the rows that an injected fault makes of its own."""
    change = _rows_of(request)
    if change is None:
        return body
    envelope = json.loads(body.content) if isinstance(body.content, bytes) else body.content
    assert isinstance(envelope, dict)  # noqa: S101 - all bodies of these endpoints are collections
    items = change(envelope["items"])
    return Body({**envelope, "items": items, "totalCount": len(items)})


def _link(uri: str, continuation_token: str | None = None) -> dict[str, object]:
    """Return a link of a collection: relative and without the version, as documented."""
    headers = [{"key": "MS-ContinuationToken", "value": continuation_token}] if continuation_token else []
    return {"uri": uri, "method": "GET", "headers": headers}


def _customer_item(customer: Customer) -> dict[str, object]:
    """Return a customer as the list has it."""
    return {
        "id": customer.id,
        "companyProfile": {
            "tenantId": customer.id,
            "domain": customer.domain,
            "companyName": customer.name,
            "attributes": {"objectType": "CustomerCompanyProfile"},
        },
        "relationshipToPartner": "reseller",
        "attributes": {"objectType": "Customer"},
    }
