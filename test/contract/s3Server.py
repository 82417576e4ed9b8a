"""A real server of S3 for tests: OpenStack Swift with its S3 API, all of its parts in one process.

Usage: s3Server.py FOLDER ADDRESS PORT KEY_ID SECRET [TOKEN]. Prints the port that it listens on, once it answers. With TOKEN, the key
is one for a session, as a cloud gives it to a pipeline: requests without that token are refused. Needs Debian's python3-swift.
"""

import os
import sys

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.account.server import AccountController  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.middleware import copy, slo, tempauth  # noqa: E402
from swift.common.middleware.s3api import s3api  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402
from swift.proxy.server import Application  # noqa: E402

folder, address, port, key_id, secret, *token = sys.argv[1:]
utils.HASH_PATH_SUFFIX = b"test"
settings = {"swift_dir": folder, "devices": folder, "mount_check": "false", "log_level": "CRITICAL"}
os.makedirs(f"{folder}/disk", exist_ok=True)


class Cache:
    """What memcached would keep."""

    def __init__(self):
        self.values = {}

    def set(self, key, value, *_args, **_options):
        self.values[key] = value

    def get(self, key, *_args, **_options):
        return self.values.get(key)

    def delete(self, key, *_args, **_options):
        self.values.pop(key, None)


def serve(application, host, number):
    """Serves in the background, and returns the port."""
    socket = eventlet.listen((host, number))
    eventlet.spawn(wsgi.server, socket, application, log_output=False)
    return socket.getsockname()[1]


def ring(name, number):
    """Writes the ring that leads to the only server of a kind."""
    builder = RingBuilder(part_power=2, replicas=1, min_part_hours=1)
    device = {"region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": number, "device": "disk"}
    builder.add_dev({"id": 0, **device, "replication_ip": "127.0.0.1", "replication_port": number})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")


for name, server in [
    ("account", AccountController(settings)),
    ("container", ContainerController(settings)),
    ("object", ObjectController(settings)),
]:
    ring(name, serve(server, "127.0.0.1", 0))

proxy = Application({**settings, "account_autocreate": "true", "allow_account_management": "true"})
account, user = key_id.split(":")
login = {f"user_{account}_{user}": f"{secret} .admin"}
for factory, options in [
    (slo.filter_factory, {}),
    (copy.filter_factory, {}),
    (tempauth.filter_factory, login),
    (s3api.filter_factory, {"location": "us-east-1"}),
]:
    proxy = factory({"log_level": "CRITICAL", **options})(proxy)
cache = Cache()


def with_cache(environment, start_response):
    if token and environment.get("HTTP_X_AMZ_SECURITY_TOKEN") != token[0]:
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>InvalidToken</Code><Message>The provided token is malformed or otherwise invalid.</Message></Error>"]
    environment["swift.cache"] = cache
    return proxy(environment, start_response)


print(serve(with_cache, address, int(port)), flush=True)
eventlet.sleep(10**6)  # ended by a signal
