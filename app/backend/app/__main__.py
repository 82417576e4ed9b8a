"""`python -m app`: serves the API."""

import sys

import uvicorn

from app import logs
from app.main import create_app
from app.settings import Settings, SettingsError, load

# Longer than a proxy keeps its idle connections (ingress-nginx 60 s, Traefik 90 s): the side that
# reuses a connection must be the one that closes it, or a request now and then meets a closed one.
KEEP_ALIVE_SECONDS = 95
# Requests in flight get this long after SIGTERM; below the pod's termination grace period.
DRAIN_SECONDS = 20


def main() -> None:
    try:
        settings = load(Settings)
    except SettingsError as error:
        sys.exit(f"The environment is not usable:\n{error}")
    logs.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",  # noqa: S104 (a container's own network namespace)
        port=settings.port,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        log_config=None,
        server_header=False,
    )


if __name__ == "__main__":
    main()
