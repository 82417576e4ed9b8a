"""Says what a backend pod sees of its database, as the app connects to it. Runs in such a pod.

Prints two lines, each empty if all is well: why the name of the database can't be resolved, and why
the database can't be used. Neither has a password.
"""

import socket

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database import build_probe_engine
from app.settings import DatabaseSettings, SettingsError, load

dns = database = ""
try:
    url = load(DatabaseSettings).sqlalchemy_url
    try:
        socket.getaddrinfo(url.host, None)
    except OSError as error:
        dns = f"{url.host}: {error.strerror or error}"
    with build_probe_engine(url).connect() as connection:
        connection.execute(text("SELECT 1"))
except SQLAlchemyError as error:
    database = str(getattr(error, "orig", None) or error)
except SettingsError as error:
    database = f"its settings are wrong: {error}"
print(dns)
print(" ".join(database.split()))
