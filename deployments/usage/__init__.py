"""Usage records: what they are, the local journal, and its way into SQL."""
