"""How like the training queries each request was."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("usage_records", sa.Column("similarity", sa.Float))


def downgrade() -> None:
    op.drop_column("usage_records", "similarity")
