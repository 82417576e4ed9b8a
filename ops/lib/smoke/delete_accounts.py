"""Deletes accounts of smoke tests with all that they made; runs inside a backend pod, as the app's own role.

The arguments are their addresses. Accounts that a killed smoke test has left go as well, after an hour.
Prints how many accounts were deleted.
"""

import sys

from sqlalchemy import text

from app.database import build_engine
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
with build_engine(load(DatabaseSettings).sqlalchemy_url).begin() as connection:
    print(connection.scalar(DELETE, {"emails": emails, "any_email": any_email}))
