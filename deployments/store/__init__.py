"""The SQL store: tenants, keys and tiers; usage records and spend."""
