"""Deletes accounts of smoke tests with all that they made, in a backend pod, as the app's own role.

The arguments are a pattern of all their addresses, and those to delete at once. Others of that
pattern go after an hour: a smoke test that was killed has left them. Prints how many were deleted.
"""

import sys

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database import build_engine
from app.errors import first_line
from app.settings import DatabaseSettings, load

# sessions and passwords go with their account
DELETE = text(
    """
    WITH accounts AS (
        DELETE FROM auth_user
        WHERE email = ANY(:emails)
           OR (email LIKE :any_email AND "createdAt" < now() - interval '1 hour')
        RETURNING id
    ), own_tasks AS (
        DELETE FROM tasks WHERE user_id IN (SELECT id FROM accounts)
    ), own_usage AS (
        DELETE FROM chat_usage WHERE user_id IN (SELECT id FROM accounts)
    )
    SELECT count(*) FROM accounts
    """
)

any_email, *emails = sys.argv[1:]
try:
    with build_engine(load(DatabaseSettings).sqlalchemy_url).begin() as connection:
        print(connection.scalar(DELETE, {"emails": emails, "any_email": any_email}))
except SQLAlchemyError as error:
    sys.exit(first_line(error))
