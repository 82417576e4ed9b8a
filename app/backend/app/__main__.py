"""`python -m app`: serves the API."""

import signal
import sys

import uvicorn

from app import logs, metrics
from app.main import create_app
from app.settings import Settings, SettingsError, load

# Longer than a proxy keeps idle connections to this server (ingress-nginx 60 s, Traefik 90 s). The
# proxy must be the one that closes them: otherwise it sometimes sends a request on a connection
# that the server has just closed, and the request fails.
KEEP_ALIVE_SECONDS = 95
# How long requests in flight may take after SIGTERM. It is less than the pod's termination grace
# period.
DRAIN_SECONDS = 20
# An empty host means every address of the machine, IPv6 and IPv4.
EVERY_ADDRESS = ""


def main() -> None:
    try:
        settings = load(Settings)
    except SettingsError as error:
        sys.exit(f"These environment variables are missing or wrong:\n{error}")
    logs.configure(settings.log_level)
    # uvicorn raises the signal again after its own shutdown; a requested stop must exit with 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app = create_app(settings)
    with metrics.serve(app.state.metrics_registry, settings.metrics_port):
        uvicorn.run(
            app,
            host=EVERY_ADDRESS,
            port=settings.port,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            log_config=None,
            access_log=False,
            server_header=False,
        )


if __name__ == "__main__":
    main()
