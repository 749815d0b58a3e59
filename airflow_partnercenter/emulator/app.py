"""The application behind the emulator's socket: both services on one host, told apart by their paths."""

from typing import cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from airflow_partnercenter.emulator import faults, managed_identity
from airflow_partnercenter.emulator.answers import fault_answer
from airflow_partnercenter.emulator.datasets import Dataset
from airflow_partnercenter.emulator.entra import Entra
from airflow_partnercenter.emulator.faults import FaultError
from airflow_partnercenter.emulator.partner_center import LinkForm, PartnerCenter
from airflow_partnercenter.emulator.sign_ins import DeviceCodes
from airflow_partnercenter.emulator.tokens import AccessTokens
from airflow_partnercenter.emulator.wire import App


def build_app(
    base_url: str,
    tokens: AccessTokens,
    dataset: Dataset,
    device_codes: DeviceCodes,
    *,
    max_page_size: int,
    link_form: LinkForm,
    rotate_refresh_tokens: bool,
    bom: bool,
) -> App:
    """Return the application."""

    async def on_fault(request: Request, error: Exception) -> Response:
        return fault_answer(request, cast("FaultError", error), bom=bom)

    async def on_http_error(request: Request, error: Exception) -> Response:
        wrong_method = cast("HTTPException", error).status_code == 405
        fault = faults.METHOD_NOT_ALLOWED if wrong_method else faults.NOT_FOUND
        return fault_answer(request, FaultError(fault), bom=bom)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(Entra(base_url, tokens, device_codes, rotate_refresh_tokens=rotate_refresh_tokens).router())
    app.include_router(managed_identity.router())
    api = PartnerCenter(base_url, tokens, dataset, max_page_size=max_page_size, link_form=link_form, bom=bom)
    app.include_router(api.router())
    app.add_exception_handler(FaultError, on_fault)
    app.add_exception_handler(HTTPException, on_http_error)
    return cast("App", app)
