"""Fixtures for tests of every package."""

pytest_plugins = ["tests.postgresql", "tests.side_by_side", "tests.small_disk"]
