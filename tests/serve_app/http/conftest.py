from collections.abc import AsyncIterator

import pytest

from tests.serve_app.http.artifact_graph import Graph, artifact_graph


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    """Of the tenant in `tests.fakes`."""
    monkeypatch.setenv("TEST_KEY", "sk-av-t")


@pytest.fixture
async def graph(tmp_path, monkeypatch) -> AsyncIterator[Graph]:
    """See `artifact_graph`."""
    monkeypatch.setenv("TEST_KEY", "k")
    async with artifact_graph(tmp_path) as made:
        yield made
