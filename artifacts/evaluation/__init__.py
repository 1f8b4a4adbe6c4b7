"""Judging routers on queries they have not seen, and what a report shows of it."""
