"""Fixtures for tests of every package."""

pytest_plugins = ["tests.postgresql", "tests.small_disk"]
