"""Says what a backend pod sees of its database: two lines, each empty if all is well.

The first is why the name of the database can't be resolved, the second why the database can't be used. It runs in a backend
pod. No password is printed: the driver's messages have none.
"""

import os
import socket
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

dns = database = ""
try:
    url = os.environ.get("DATABASE_URL") or Path(os.environ["DATABASE_URL_FILE"]).read_text("utf-8").strip()
    host = str(conninfo_to_dict(url).get("host", ""))
    authority = os.environ.get("DATABASE_CA_FILE")
    more = {"sslrootcert": authority} if authority else {}
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        dns = f"{host}: {error.strerror or error}"
    psycopg.connect(url, connect_timeout=4, **more).close()
except psycopg.OperationalError as error:
    database = " ".join(str(error).split())
except (OSError, KeyError, ValueError, psycopg.Error) as error:
    # Such errors may quote the URL.
    database = f"the database URL can't be used: {type(error).__name__}"
print(dns)
print(database)
