"""What is measured under a name is what the name says."""

import pytest

from scripts.overhead.merging import merged
from scripts.overhead.scenarios import CHANGES, GATEWAY, PLACED, UNKEPT
from scripts.served import local_config
from serve_app.config import AppConfig


def configured(name):
    local = local_config()
    changed = merged(local, CHANGES[name])
    assert changed.keys() == local.keys()
    (application,) = changed["applications"]
    deployments = {each["name"] for each in application["deployments"]}
    return AppConfig.model_validate(application["args"]), deployments


@pytest.mark.parametrize(
    ("name", "router", "keeps"),
    [
        (GATEWAY, "deployment", True),
        (PLACED, "gateway", True),
        (UNKEPT, "gateway", False),
    ],
)
def test_ours(name, router, keeps):
    config, deployments = configured(name)

    assert config.placement.router == router
    assert ("Router" in deployments) == (router == "deployment")
    assert (config.database is not None) == keeps
    assert (config.usage.journal is not None) == keeps
