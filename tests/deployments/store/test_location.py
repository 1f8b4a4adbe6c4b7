"""Addresses of databases as people, and secrets made of files, write them."""

import pytest

from deployments.store.location import parse_url


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_end_of_a_line_is_no_part_of_address_or_password(end):
    url = parse_url(f"postgresql://me@h/usage{end}", f"pass word {end}")

    assert (url.database, url.password) == ("usage", "pass word ")
    assert parse_url(f"sqlite:////srv/a.db{end}").database == "/srv/a.db"
