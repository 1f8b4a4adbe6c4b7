"""Artifacts, their rollouts, and what shadows decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_TABLES = {"artifacts": "name", "rollouts": "scope"}
_SHADOW = {
    "shadow_artifact_id": sa.String,
    "shadow_model": sa.String,
    "shadow_agrees": sa.Boolean,
    "shadow_cost_nusd": sa.BigInteger,
}


def upgrade() -> None:
    for table, key in _TABLES.items():
        op.create_table(
            table,
            sa.Column(key, sa.String, nullable=False),
            sa.Column("document", _document, nullable=False),
            sa.PrimaryKeyConstraint(key, name=f"pk_{table}"),
        )
    for name, kind in _SHADOW.items():
        op.add_column("usage_records", sa.Column(name, kind))


def downgrade() -> None:
    for name in _SHADOW:
        op.drop_column("usage_records", name)
    for table in _TABLES:
        op.drop_table(table)
