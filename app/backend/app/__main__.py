"""`python -m app`: serves the API."""

import signal
import sys

import uvicorn

from app import logs, metrics
from app.main import create_app
from app.settings import Settings, SettingsError, load

# Longer than a proxy keeps its idle connections (ingress-nginx 60 s, Traefik 90 s): the side that
# reuses a connection must be the one that closes it, or a request now and then meets a closed one.
KEEP_ALIVE_SECONDS = 95
# Requests in flight get this long after SIGTERM; below the pod's termination grace period.
DRAIN_SECONDS = 20
# of IPv6 and of IPv4, as far as the machine has them
EVERY_ADDRESS = ""


def main() -> None:
    try:
        settings = load(Settings)
    except SettingsError as error:
        sys.exit(f"The environment is not usable:\n{error}")
    logs.configure(settings.log_level)
    # uvicorn passes the signal on once it has cleaned up; being asked to stop is no failure
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
