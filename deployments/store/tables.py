"""The tables. What they are must equal what the migrations make: a test compares."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from deployments.store.column_types import Document, UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# One row. Locked first by whoever changes an account, so that changes follow each
# other; its number grows with each.
directory = Table(
    "directory",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

cost_tiers = Table(
    "cost_tiers",
    metadata,
    Column("name", String, primary_key=True),
    Column("document", Document, nullable=False),
)

# `document` is a StoredArtifact without its name.
artifacts = Table(
    "artifacts",
    metadata,
    Column("name", String, primary_key=True),
    Column("document", Document, nullable=False),
)

# `scope`: a tenant, or * for the gateway; no foreign key: what is deleted goes by name.
# `document` is a StoredRollout.
rollouts = Table(
    "rollouts",
    metadata,
    Column("scope", String, primary_key=True),
    Column("document", Document, nullable=False),
)

# `document` is a TenantConfig without its keys; `version` is the directory's at the
# last change of the tenant or of one of its keys.
tenants = Table(
    "tenants",
    metadata,
    Column("id", String, primary_key=True),
    Column("document", Document, nullable=False),
    Column("version", BigInteger, nullable=False, index=True),
)

# `document` is a KeyConfig. What a lookup or a constraint needs stands in a column too.
# `issued`: made by us, so a file of tenants that does not list it leaves it alone.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column(
        "tenant_id",
        String,
        ForeignKey("tenants.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("sha256", String(64), unique=True),
    Column("issued", Boolean, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("document", Document, nullable=False),
)

# One row: records of before `kept_since` were deleted. Of those that come late, what is
# in `deleted_records` was taken before; of before `taken_since` none is taken.
retention = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("kept_since", UtcDateTime),
    Column("taken_since", UtcDateTime),
)

deleted_records = Table(
    "deleted_records",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
)

# Money is in whole nano-USD. NULL = unknown. No foreign key to tenants: what was used
# outlives them.
usage_records = Table(
    "usage_records",
    metadata,
    Column("id", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("request_id", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("tenant", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("cost_tier", String),
    Column("alpha", Float, nullable=False),
    Column("surface", String, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("requested_model", String, nullable=False),
    Column("status", String, nullable=False),
    Column("latency_s", Float, nullable=False),
    Column("model", String),
    Column("backend", String),
    Column("provider", String),
    Column("cause", String),
    Column("error", String),
    Column("first_byte_s", Float),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_nusd", BigInteger),
    Column("failed_cost_nusd", BigInteger, nullable=False),
    Column("reserved_nusd", BigInteger, nullable=False),
    Column("cost_source", String, nullable=False),
    Column("failures", Document, nullable=False),
    Column("artifact_id", String),
    Column("clusters", Document, nullable=False),
    Column("out_of_distribution", Boolean, nullable=False),
    Column("similarity", Float),
    Column("replica", String, nullable=False),
    Column("shadow_artifact_id", String),
    Column("shadow_model", String),
    Column("shadow_agrees", Boolean),
    Column("shadow_cost_nusd", BigInteger),
    Index(None, "tenant", "at"),
    Index(None, "at", "id"),
)

# Sums of usage_records over quarter hours: every period of every time zone is made of
# whole ones, so a tenant may change its period, and spend is known without its records.
spend = Table(
    "spend",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("quarter", UtcDateTime, primary_key=True),
    Column("cost_nusd", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("unknown_cost", BigInteger, nullable=False),
    Column("unknown_reserved_nusd", BigInteger, nullable=False),
    Index(None, "quarter"),
)
SPEND_SUMS = ("cost_nusd", "requests", "unknown_cost", "unknown_reserved_nusd")

# What replicas hold of budgets; `period` is its start in unix time.
leases = Table(
    "leases",
    metadata,
    Column("replica", String, primary_key=True),
    Column("tenant", String, primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("amount_nusd", BigInteger, nullable=False),
    Index(None, "tenant", "period"),
)
