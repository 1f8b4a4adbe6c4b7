"""A budget holds on the real graph, though a replica is killed on the way.

`scripts/bench/budget` does the same with more clients and a larger budget.
"""

import asyncio
from argparse import Namespace

import pytest

from scripts.bench.budget_run import spend, wrong
from scripts.bench.limits_graph import limits_graph

pytestmark = pytest.mark.integration
PACE = {"first_token_s": 0.05, "tokens_per_s": 500, "completion_tokens": 100}


def test_a_budget_holds_while_a_replica_is_killed():
    options = Namespace(budget=0.1, clients=20, kills=1, kill_ledger=False)
    with limits_graph({"max_budget": 0.1}, replicas=2, simulator=PACE) as graph:
        tally = asyncio.run(spend(graph, options))

    assert len(tally.killed) == 1
    assert wrong(tally, options.budget) == []
    assert tally.refused > 0
