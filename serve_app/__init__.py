"""Layer 2: HTTP in, tenants, composition, command line."""

# pyproject.toml takes it from here: a checkout has no metadata that could be asked.
__version__ = "0.1.0"
