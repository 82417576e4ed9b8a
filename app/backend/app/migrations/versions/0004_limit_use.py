"""Create the tables of the limits: failed sign-ins and tokens of the assistant."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
backward_compatible = True


def upgrade() -> None:
    # The frontend uses this table. `account` is a hash: the address that somebody typed
    # may belong to no account, and must not be stored.
    op.create_table(
        "auth_failed_sign_in",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    # one row for each user: the tokens of the last day with an answer of the assistant
    op.create_table(
        "chat_usage",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("chat_usage")
    op.drop_table("auth_failed_sign_in")
