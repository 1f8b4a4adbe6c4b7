"""Which tests may run beside which, where there are two workers (`scripts/test`).

Each graph of Ray's is a score of processes. Several at once on two cores are so slow to
start that Ray gives up. So one worker has all of tests/integration, which start them,
and the other works through the rest, file by file.
"""

from typing import Any

import pytest

_GRAPHS = "tests/integration/"


@pytest.hookimpl(optionalhook=True)  # xdist's, which not every environment has
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadfile`: one more scope than files."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler.loadfile import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """Files, but one scope for what starts graphs."""

        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(_GRAPHS):
                return _GRAPHS
            scope: str = super()._split_scope(nodeid)
            return scope

    return Scheduling(config, log)
