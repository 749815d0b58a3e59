"""A token service and a Partner Center over TLS that cost next to nothing: every page is bytes made in advance.

Run as ``python -m benchmarks.server --rows 3000000 --ca ca.pem``; prints its port when it is ready. How many rows a
request sees, and how long each answer takes, is part of its path: ``/rows/300000/wait/300/partner/v1/analytics/…``.
It answers in threads, as Python gives up its lock while it encrypts and sends.
"""

import argparse
import base64
import hashlib
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import trustme

HOST = "127.0.0.1"
TENANT_ID = "4b1d7a5e-0000-4000-8000-00000000bebc"
PAGE_ROWS = 10_000
CUSTOMER_WAIT_SECONDS = 0.1

_BOM = b"\xef\xbb\xbf"
_PRODUCTS_PER_CUSTOMER = 20
_ACCESS_TOKEN = "benchmark." + "x" * 1500
_CUSTOMER_ROW = (
    '{"customerName":"Contoso Benchmark Customer","productName":"Microsoft 365 Business Premium %d",'
    '"serviceCode":"o365","serviceName":"Microsoft Office 365","channel":"reseller","licensesDeployed":%d,'
    '"licensesSold":250,"deploymentPercent":40.8,"processedDateTime":"2026-11-19T03:25:16.36+00:00",'
    '"attributes":{"objectType":"CustomerLicensesDeploymentInsights"}}'
)


def customer_id(number: int) -> str:
    """Return the GUID of a customer."""
    digest = hashlib.blake2b(number.to_bytes(8), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def make_pages(row_count: int) -> list[bytes]:
    """Return the rows of each page, without their envelope. No two rows have the same key; about 330 bytes a row."""
    numbers = random.Random(1)  # noqa: S311 - the same data each time
    products = [
        f'"productId":"{customer_id(10**9 + number).upper()}","productName":"Office 365 Plan E{number}"'
        for number in range(_PRODUCTS_PER_CUSTOMER)
    ]
    services = ('"o365","serviceName":"Microsoft Office 365"', '"crm","serviceName":"Microsoft Dynamics 365"')

    def rows_of(customer: int) -> Iterator[str]:
        who = f'"customerTenantId":"{customer_id(customer)}","customerName":"Contoso {customer:06d} Ltd"'
        for number, product in enumerate(products):
            sold = int(numbers.paretovariate(0.9))
            yield (
                f'{{"processedDateTime":"2026-11-19T00:00:00","serviceCode":{services[number % 2]},'
                f'"channel":"reseller",{who},{product},'
                f'"licensesDeployed":{int(sold * numbers.random())},"licensesSold":{sold}}}'
            )

    per_page = PAGE_ROWS // _PRODUCTS_PER_CUSTOMER
    return [
        ",".join(row for customer in range(first, first + per_page) for row in rows_of(customer)).encode()
        for first in range(0, row_count // _PRODUCTS_PER_CUSTOMER, per_page)
    ]


class Service:
    """Answers requests; knows nothing of sockets.

    :param pages: of :func:`make_pages`.
    """

    def __init__(self, pages: list[bytes]) -> None:
        self._pages = pages
        self.base_url = ""

    def answer(self, target: str, authorized: bool) -> tuple[int, list[bytes]]:
        """Return status and body in pieces; takes as long as the path says."""
        parts = urlsplit(target)
        path = parts.path.strip("/").split("/")
        if path[-1] == "openid-configuration":
            base = f"{self.base_url}/{path[0]}/oauth2/v2.0"
            endpoints = {
                "issuer": base,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
            }
            return 200, [json.dumps(endpoints).encode()]
        if path[-1] == "token":
            return 200, [json.dumps(_tokens()).encode()]
        if path == ["cpu"]:
            return 200, [json.dumps(time.process_time()).encode()]
        if not authorized:
            return 401, [b'{"code":"401","description":"Unauthorized"}']
        if path[:2] == ["v1", "customers"]:
            time.sleep(CUSTOMER_WAIT_SECONDS)
            rows = ",".join(_CUSTOMER_ROW % (number, number) for number in range(5))
            # In one piece, as it is small: each wakes the client.
            body = '{"totalCount":5,"items":[' + rows + '],"attributes":{"objectType":"Collection"}}'
            return 200, [_BOM + body.encode()]
        if path[0] == "rows" and path[-3:] == ["commercial", "deployment", "license"]:
            time.sleep(int(path[3]) / 1000)
            query = parse_qs(parts.query)
            return 200, self._page(int(path[1]), parts.path, int(query["top"][0]), int(query.get("skip", ["0"])[0]))
        return 404, [b'{"code":"404","description":"Not found"}']

    def _page(self, total: int, path: str, top: int, skip: int) -> list[bytes]:
        """Return the envelope around the rows, which are copied only if the page is not one of those made."""
        end = min(skip + top, total)
        link = json.dumps(f"{self.base_url}{path}?top={top}&skip={end}") if end < total else "null"
        tail = f'],"@nextLink":{link},"TotalCount":{total}}}'.encode()
        if skip >= total:
            return [_BOM, b'{"Value":[', tail]
        if skip % PAGE_ROWS == 0 and end - skip == PAGE_ROWS:
            return [_BOM + b'{"Value":[', self._pages[skip // PAGE_ROWS], tail]
        first, last = skip // PAGE_ROWS, (end - 1) // PAGE_ROWS
        rows = b",".join(self._pages[first : last + 1])[1:-1].split(b"},{")
        wanted = b"},{".join(rows[skip - first * PAGE_ROWS : end - first * PAGE_ROWS])
        return [_BOM + b'{"Value":[{' + wanted + b"}", tail]


def serve(service: Service, ca_bundle: Path) -> int:
    """Answer requests from now on, in threads of this process; return the port."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(ca_bundle))
    listener = socket.create_server((HOST, 0), backlog=256)
    port: int = listener.getsockname()[1]
    service.base_url = f"https://{HOST}:{port}"

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_converse, args=(connection, context, service), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return port


def _converse(connection: socket.socket, context: ssl.SSLContext, service: Service) -> None:
    """Answer the requests of one connection until its client leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with context.wrap_socket(connection, server_side=True) as secure, secure.makefile("rb") as stream:
            while request := _read_request(stream):
                status, body = service.answer(*request)
                head = (
                    f"HTTP/1.1 {status} {'OK' if status == 200 else 'Refused'}\r\n"
                    f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {sum(map(len, body))}\r\n\r\n"
                )
                secure.sendall(head.encode() + body[0])
                for piece in body[1:]:
                    secure.sendall(piece)
    except (ConnectionError, ssl.SSLError, OSError):
        return


def _read_request(stream: BinaryIO) -> tuple[str, bool] | None:
    """Return the target of the next request and whether it carries our token; None if there is no further one."""
    words = stream.readline().decode("latin-1").split(" ")
    if len(words) != 3:
        return None
    headers = dict(_headers(stream))
    stream.read(int(headers.get("content-length", "0")))
    return words[1], headers.get("authorization") == f"Bearer {_ACCESS_TOKEN}"


def _headers(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def _tokens() -> dict[str, Any]:
    """Return the answer to a refresh token, with what MSAL needs to make an account of it."""
    now = int(time.time())
    claims = {"sub": "s", "aud": "client", "iss": "i", "iat": now, "exp": now + 3600, "oid": "o", "tid": TENANT_ID}
    return {
        "token_type": "Bearer",
        "expires_in": 3600,
        "access_token": _ACCESS_TOKEN,
        "refresh_token": "benchmark-refresh-token-2",
        "scope": "https://api.partnercenter.microsoft.com/user_impersonation",
        "id_token": f"{_base64({'alg': 'none'})}.{_base64(claims)}.none",
        "client_info": _base64({"uid": "o", "utid": TENANT_ID}),
    }


def _base64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def main() -> None:
    """Make the pages, then answer until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True, help="the largest number of rows that will be asked for")
    parser.add_argument("--ca", type=Path, required=True, help="where to write the certificate authority")
    arguments = parser.parse_args()
    port = serve(Service(make_pages(arguments.rows)), arguments.ca)
    print(port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
