"""What replicas hold of budgets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("replica", sa.String, nullable=False),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("period", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("amount_nusd", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("replica", "tenant", "period", name="pk_leases"),
    )


def downgrade() -> None:
    op.drop_table("leases")
