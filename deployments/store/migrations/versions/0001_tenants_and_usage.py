"""Tenants, keys, cost tiers, usage records and spend."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_accounts()
    _make_usage_records()
    _make_sums()


def downgrade() -> None:
    for table in (
        "spend",
        "usage_records",
        "retention",
        "api_keys",
        "tenants",
        "cost_tiers",
        "directory",
    ):
        op.drop_table(table)


def _make_accounts() -> None:
    directory = op.create_table(
        "directory",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directory"),
    )
    op.bulk_insert(directory, [{"id": 1, "version": 1}])
    op.create_table(
        "cost_tiers",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("document", _document, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cost_tiers"),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("document", _document, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    op.create_index("ix_tenants_version", "tenants", ["version"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("issued", sa.Boolean, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("document", _document, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("sha256", name="uq_api_keys_sha256"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.id"],
            name="fk_api_keys_tenant_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_api_keys_tenant_id", "api_keys", ["tenant_id"])


def _make_usage_records() -> None:
    op.create_table(
        "usage_records",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("at", _moment, nullable=False),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("cost_tier", sa.String),
        sa.Column("alpha", sa.Float, nullable=False),
        sa.Column("surface", sa.String, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("requested_model", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("latency_s", sa.Float, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("backend", sa.String),
        sa.Column("provider", sa.String),
        sa.Column("cause", sa.String),
        sa.Column("error", sa.String),
        sa.Column("first_byte_s", sa.Float),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("cached_tokens", sa.BigInteger),
        sa.Column("reasoning_tokens", sa.BigInteger),
        sa.Column("cost_nusd", sa.BigInteger),
        sa.Column("failed_cost_nusd", sa.BigInteger, nullable=False),
        sa.Column("reserved_nusd", sa.BigInteger, nullable=False),
        sa.Column("cost_source", sa.String, nullable=False),
        sa.Column("failures", _document, nullable=False),
        sa.Column("artifact_id", sa.String),
        sa.Column("clusters", _document, nullable=False),
        sa.Column("out_of_distribution", sa.Boolean, nullable=False),
        sa.Column("replica", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_records"),
    )
    op.create_index("ix_usage_records_tenant_at", "usage_records", ["tenant", "at"])
    op.create_index("ix_usage_records_at_id", "usage_records", ["at", "id"])


def _make_sums() -> None:
    retention = op.create_table(
        "retention",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("kept_since", _moment),
        sa.PrimaryKeyConstraint("id", name="pk_retention"),
    )
    op.bulk_insert(retention, [{"id": 1, "kept_since": None}])
    op.create_table(
        "spend",
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("quarter", _moment, nullable=False),
        sa.Column("cost_nusd", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("unknown_cost", sa.BigInteger, nullable=False),
        sa.Column("unknown_reserved_nusd", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "quarter", name="pk_spend"),
    )
    op.create_index("ix_spend_quarter", "spend", ["quarter"])
