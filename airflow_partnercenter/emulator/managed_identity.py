"""The endpoints where an Azure machine's managed identities get their tokens: App Service's, and a virtual machine's.

Sources: https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity,
https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

import time

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from airflow_partnercenter.emulator import credentials as known
from airflow_partnercenter.emulator.proofs import managed_identity_token

APP_SERVICE_PATH = "/msi/token"
VIRTUAL_MACHINE_PATH = "/metadata/identity/oauth2/token"
_LIFETIME_SECONDS = 86_400


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    routes.add_api_route(APP_SERVICE_PATH, app_service, response_model=None)
    routes.add_api_route(VIRTUAL_MACHINE_PATH, virtual_machine, response_model=None)
    return routes


async def app_service(request: Request) -> JSONResponse:
    """Answer as App Service, Functions and Container Apps do."""
    if request.headers.get("X-IDENTITY-HEADER") != known.IDENTITY_HEADER:
        return JSONResponse({"statusCode": 401, "message": "Unauthorized."}, 401)
    if request.query_params.get("client_id") != known.MANAGED_IDENTITY_CLIENT_ID:
        return JSONResponse({"statusCode": 400, "message": "Unable to load the proper Managed Identity."}, 400)
    return JSONResponse(_token(request.query_params.get("resource", "")))


async def virtual_machine(request: Request) -> JSONResponse:
    """Answer as the instance metadata service of a virtual machine does."""
    if request.headers.get("Metadata") != "true":
        body = {"error": "bad_request_102", "error_description": "Required metadata header not specified"}
        return JSONResponse(body, 400)
    if request.query_params.get("client_id") != known.MANAGED_IDENTITY_CLIENT_ID:
        return JSONResponse({"error": "invalid_request", "error_description": "Identity not found"}, 400)
    return JSONResponse({**_token(request.query_params.get("resource", "")), "expires_in": str(_LIFETIME_SECONDS)})


def _token(resource: str) -> dict[str, str]:
    return {
        "access_token": managed_identity_token(resource),
        "client_id": known.MANAGED_IDENTITY_CLIENT_ID,
        "expires_on": str(int(time.time()) + _LIFETIME_SECONDS),
        "resource": resource,
        "token_type": "Bearer",
    }
