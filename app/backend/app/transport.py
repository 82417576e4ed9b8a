"""Redirects plain HTTP to HTTPS, and tells browsers to keep using HTTPS (HSTS)."""

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StrictTransport:
    """Sends the HSTS header: browsers use only HTTPS for `max_age` seconds; 0 ends that.

    Subdomains are not included: the host may be a whole domain, and its other names may belong to
    other apps.
    """

    def __init__(self, app: ASGIApp, max_age: int) -> None:
        self.app = app
        self.header = (b"strict-transport-security", f"max-age={max_age}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self.header]
            await send(message)

        await self.app(scope, receive, send_with_header)


class HttpsOnly:
    """Redirects a request that reached the proxy without TLS to the same path with HTTPS.

    Probes are not redirected: they ask the pod directly, without the proxy's header.
    """

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app = app
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or Headers(scope=scope).get("x-forwarded-proto") != "http":
            await self.app(scope, receive, send)
            return
        # not the Host header, which the client can set to anything
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        location = self.public_url + (scope["raw_path"] + query).decode("latin-1")
        await RedirectResponse(location, status_code=308)(scope, receive, send)
