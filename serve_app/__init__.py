"""Layer 2: HTTP in, tenants, composition, command line."""
