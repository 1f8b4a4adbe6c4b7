import pytest

from deployments.backends.tokens import load_vocabulary


@pytest.fixture(scope="session", autouse=True)
def _vocabulary() -> None:
    """Loaded before anything is asked, as a replica of the Gateway does: it takes
    seconds on a busy machine, in which nothing else runs."""
    load_vocabulary()
