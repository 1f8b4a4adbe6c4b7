"""Limits and budgets: the Ledger's books, and the slices that replicas hold of them."""
