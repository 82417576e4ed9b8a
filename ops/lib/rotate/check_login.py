"""Says whether the database accepts a login: the URL on standard input. It runs in a backend pod.

Prints `accepted` or `refused`. If neither is known, it ends with the reason.
"""

import sys

import psycopg

try:
    psycopg.connect(sys.stdin.read().strip(), connect_timeout=5).close()
    print("accepted")
except psycopg.OperationalError as error:
    message = str(error)
    if "password authentication failed" not in message:
        sys.exit(message.splitlines()[0])
    print("refused")
