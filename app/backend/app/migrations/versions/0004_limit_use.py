"""Create what the limits count with: failed sign-ins and the assistant's tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # the frontend's; `account` is a hash, for what is typed as an address need not be an account's
    op.create_table(
        "auth_failed_sign_in",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    # a row for each user, of the last day on which the assistant was asked
    op.create_table(
        "chat_usage",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("chat_usage")
    op.drop_table("auth_failed_sign_in")
