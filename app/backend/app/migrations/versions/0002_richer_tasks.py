"""Add due date, priority, tags and soft deletion to tasks.

Pods of the previous release keep running during the migration and do not fill the new columns, so
every column is nullable or has a default. The defaults are constant: PostgreSQL rewrites no row.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
backward_compatible = True


def upgrade() -> None:
    op.add_column("tasks", sa.Column("due_date", sa.Date()))
    op.add_column(
        "tasks", sa.Column("priority", sa.String(6), server_default="normal", nullable=False)
    )
    op.create_check_constraint(
        "ck_tasks_priority", "tasks", "priority IN ('low', 'normal', 'high')"
    )
    op.add_column(
        "tasks",
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column("tasks", sa.Column("deleted_at", sa.DateTime(timezone=True)))

    # the new index also serves the queries of the one that it replaces
    op.create_index("ix_tasks_user_id_created_at_id", "tasks", ["user_id", "created_at", "id"])
    op.drop_index("ix_tasks_user_id_created_at", "tasks")
    op.create_index(
        "ix_tasks_deleted",
        "tasks",
        ["user_id", "deleted_at"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    # without deleted_at, deleted tasks would appear again
    op.execute("DELETE FROM tasks WHERE deleted_at IS NOT NULL")
    op.create_index("ix_tasks_user_id_created_at", "tasks", ["user_id", "created_at"])
    op.drop_index("ix_tasks_user_id_created_at_id", "tasks")
    for column in ("deleted_at", "tags", "priority", "due_date"):  # also drops index and check
        op.drop_column("tasks", column)
