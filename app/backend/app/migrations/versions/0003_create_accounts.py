"""Create the tables of accounts, in the form that the frontend's Better Auth expects."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
backward_compatible = True


def _text(name: str, *, nullable: bool = False, unique: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=nullable, unique=unique)


def _id() -> sa.Column:
    return sa.Column("id", sa.Text(), primary_key=True)


def _time(name: str, *, nullable: bool = False, default_now: bool = False) -> sa.Column:
    default = sa.func.now() if default_now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def _created_and_updated(*, updated_by_default: bool) -> list[sa.Column]:
    return [
        _time("createdAt", default_now=True),
        _time("updatedAt", default_now=updated_by_default),
    ]


def _user_id() -> sa.Column:
    return sa.Column(
        "userId",
        sa.Text(),
        sa.ForeignKey("auth_user.id", ondelete="CASCADE"),
        nullable=False,
    )


def upgrade() -> None:
    _create_tables()
    op.create_index("auth_session_userId_idx", "auth_session", ["userId"])
    op.create_index("auth_account_userId_idx", "auth_account", ["userId"])
    op.create_index("auth_verification_identifier_idx", "auth_verification", ["identifier"])


def _create_tables() -> None:
    op.create_table(
        "auth_user",
        _id(),
        _text("name"),
        _text("email", unique=True),
        sa.Column("emailVerified", sa.Boolean(), nullable=False),
        _text("image", nullable=True),
        *_created_and_updated(updated_by_default=True),
    )
    op.create_table(
        "auth_session",
        _id(),
        _time("expiresAt"),
        _text("token", unique=True),
        *_created_and_updated(updated_by_default=False),
        _text("ipAddress", nullable=True),
        _text("userAgent", nullable=True),
        _user_id(),
    )
    op.create_table(
        "auth_account",
        _id(),
        _text("accountId"),
        _text("providerId"),
        _user_id(),
        _text("accessToken", nullable=True),
        _text("refreshToken", nullable=True),
        _text("idToken", nullable=True),
        _time("accessTokenExpiresAt", nullable=True),
        _time("refreshTokenExpiresAt", nullable=True),
        _text("scope", nullable=True),
        _text("password", nullable=True),
        *_created_and_updated(updated_by_default=False),
    )
    op.create_table(
        "auth_verification",
        _id(),
        _text("identifier"),
        _text("value"),
        _time("expiresAt"),
        *_created_and_updated(updated_by_default=True),
    )
    op.create_table(
        "auth_rate_limit",
        _id(),
        _text("key", unique=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("lastRequest", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    for table in ("rate_limit", "verification", "account", "session", "user"):
        op.drop_table(f"auth_{table}")
