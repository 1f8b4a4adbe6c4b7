"""What the Gateway takes of settings that change while it serves."""

import pytest

from tests.fakes import CATALOG, UPSTREAM, gateway


def test_a_model_whose_backend_is_not_deployed_is_refused_and_all_stays_as_it_was():
    made = gateway(backends={"upstreams": {"fake": UPSTREAM, "later": UPSTREAM}})
    before = made.directory
    new = {"id": "new", "backend": "later", "upstream_model": "new"}

    what = r"catalog\.models\.new: its backend 'later' is not deployed; .* a restart"
    with pytest.raises(ValueError, match=what):
        made.apply({"catalog": {"models": [*CATALOG, new]}})
    assert made.directory is before
