"""Ids of deleted records: what comes late can be told from what comes again.

Of what was deleted before, nobody knows the ids: as ever, nothing of then is taken.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("retention", sa.Column("taken_since", _moment))
    op.execute("UPDATE retention SET taken_since = kept_since")
    op.create_table(
        "deleted_records",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("at", _moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deleted_records"),
    )
    op.create_index("ix_deleted_records_at", "deleted_records", ["at"])


def downgrade() -> None:
    op.drop_table("deleted_records")
    op.drop_column("retention", "taken_since")
