"""Partner Center's way to answer: the headers that every answer has, and the byte order mark."""

import base64
import json
import secrets
import uuid
from collections.abc import Mapping

from fastapi import Request, Response

from airflow_partnercenter.emulator.documented import BOM
from airflow_partnercenter.emulator.faults import FaultError

CONTENT_TYPE = "application/json; charset=utf-8"


def json_bytes(value: object, *, bom: bool) -> bytes:
    """Return a value as compact JSON, as the service sends it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (BOM if bom else b"") + text.encode()


def answer(
    request: Request, status: int, content: object, *, bom: bool, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that repeats the request's ids, or has ids of its own where the request has none.

    :param content: bytes go out as they are, but without a byte order mark if ``bom`` is false; the rest as JSON.
    """
    if isinstance(content, bytes):
        body = content if bom else content.removeprefix(BOM)
    else:
        body = json_bytes(content, bom=bom)
    every = {
        "Content-Type": CONTENT_TYPE,
        "MS-RequestId": request.headers.get("MS-RequestId") or str(uuid.uuid4()),
        "MS-CorrelationId": request.headers.get("MS-CorrelationId") or str(uuid.uuid4()),
        "MS-CV": f"{base64.b64encode(secrets.token_bytes(12)).decode()}.0",
        "MS-ServerId": "102030524",
    }
    return Response(body, status, headers={**every, **(headers or {})})


def fault_answer(request: Request, error: FaultError, *, bom: bool) -> Response:
    """Return the answer for a fault."""
    correlation_id = request.headers.get("MS-CorrelationId") or str(uuid.uuid4())
    headers = {
        "MS-CorrelationId": correlation_id,
        "WWW-Authenticate": f"OAuth realm=urn:cpsvc:cpid:{correlation_id}",
    }
    return answer(request, error.fault.status, error.fault.body(error.detail), bom=bom, headers=headers)
