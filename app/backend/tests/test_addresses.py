"""The process listens on all addresses of the machine."""

import socket

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from tests.postgres import PostgresCluster
from tests.processes import Server


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_it_answers_on_ipv4_and_on_ipv6(server: Server, host: str) -> None:
    for url in (f"{server.url}/health/live", server.metrics_url):
        assert httpx.get(url.replace("127.0.0.1", host)).status_code == 200


def test_it_starts_where_there_is_no_ipv6(
    app: FastAPI, postgres: PostgresCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Python loads sitecustomize.py first, which makes the process see no IPv6."""
    directory = tmp_path_factory.mktemp("without-ipv6")
    (directory / "sitecustomize.py").write_text(WITHOUT_IPV6)
    server = Server(postgres.url, PYTHONPATH=str(directory))
    try:
        server.wait_until_live()
        assert httpx.get(server.metrics_url).status_code == 200
    except AssertionError as error:
        raise AssertionError(f"{error}\n{server.stop()}") from None
    finally:
        server.process.kill()
        server.process.communicate()


WITHOUT_IPV6 = """
import socket
original = socket.socket.__init__
def refuse_ipv6(self, family=-1, *rest, **named):
    if family == socket.AF_INET6:
        raise OSError(97, "Address family not supported by protocol")
    original(self, family, *rest, **named)
socket.socket.__init__ = refuse_ipv6
"""
