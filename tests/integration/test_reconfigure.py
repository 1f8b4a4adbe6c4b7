"""Edits of a running cluster by `serve deploy`, under load."""

import pytest

from scripts.reconfigure.__main__ import measured


@pytest.mark.integration
def test_live_edits_restart_nothing_and_cost_no_request() -> None:
    results = measured(clients=4, live_only=True)

    assert len(results) == 6
    for result in results:
        assert result.restarted == frozenset(), result
        assert not result.failed, result
        assert result.holds, result
