"""HTTPS for whoever came by HTTP, and how clients are to come back."""

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StrictTransport:
    """Every answer tells browsers to keep to HTTPS for so many seconds; 0 makes them forget it.

    Not for subdomains: the host may be a whole domain, whose other names are not this app's to
    decide about.
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
    """Leads what reached the proxy in front of this server without TLS to the same address with it.

    Probes ask the pod, not the public name, and come without the proxy's header.
    """

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app = app
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or Headers(scope=scope).get("x-forwarded-proto") != "http":
            await self.app(scope, receive, send)
            return
        # the public name, not the Host header: anybody can send that
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        location = self.public_url + (scope["raw_path"] + query).decode("latin-1")
        await RedirectResponse(location, status_code=308)(scope, receive, send)
