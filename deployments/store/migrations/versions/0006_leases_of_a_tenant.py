"""Leases of one tenant are found at once: the Ledger reads them again now and then."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_leases_tenant_period", "leases", ["tenant", "period"])


def downgrade() -> None:
    op.drop_index("ix_leases_tenant_period", "leases")
