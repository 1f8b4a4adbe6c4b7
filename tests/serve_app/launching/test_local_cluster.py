"""What is said while a cluster comes up, and when it does not."""

import logging
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serve_app.launching.local_cluster import LaunchError, LocalCluster, StartUp

INITIALIZES = (
    "Deployment 'VLLMBackend:m' in application 'avengers' has 1 replicas that have "
    "taken more than 30s to initialize.\n"
    "This may be caused by a slow __init__ or reconfigure method."
)
FAILED_ONCE = (
    "A replica failed to start with exception. Retrying 2 more time(s). Error:\n"
    "Traceback (most recent call last):\n"
    '  File "ledger_replica.py", line 82, in check_health\n'
    "ConnectionError: The store: no such host\n"
)


def told(status: str, *, message: str = "", part: str = "UPDATING") -> Any:
    """What Serve says of an application of one deployment."""
    deployment = SimpleNamespace(name="VLLMBackend:m", status=part, message=message)
    return SimpleNamespace(
        name="avengers",
        app_status=SimpleNamespace(status=status, message="it failed"),
        deployment_statuses=[deployment],
    )


class Client:
    """Serve's, which says one after the other, and the last again and again."""

    def __init__(self, says: Iterable[Any], *, serves: bool = True) -> None:
        self._says = [*says]
        self._serves = serves

    def list_serve_statuses(self) -> list[Any]:
        return [self._says.pop(0) if len(self._says) > 1 else self._says[0]]

    def wait_for_proxies_serving(self, *, wait_for_applications_running: bool) -> None:
        assert wait_for_applications_running
        if not self._serves:
            raise TimeoutError("Proxies not available after 60s.")


def cluster(client: Client) -> LocalCluster:
    start_up = StartUp(1.0, 2.0, 3.0)
    return LocalCluster(
        "127.0.0.1", 8000, Path("/logs"), start_up, _client=client, _apps=("avengers",)
    )


def test_what_serve_says_of_a_slow_deployment_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    says = [told("DEPLOYING")]
    says += [told("DEPLOYING", message=text) for text in [INITIALIZES, FAILED_ONCE] * 2]
    says += [told("RUNNING", message="old news", part="HEALTHY")]
    with caplog.at_level(logging.WARNING):
        ready = cluster(Client(says)).wait_until_ready()

    assert ready.ready_s >= 0
    assert caplog.messages == [
        f"VLLMBackend:m: {' '.join(INITIALIZES.splitlines())}",
        "VLLMBackend:m: A replica failed to start with exception. "
        "Retrying 2 more time(s). Error: ConnectionError: The store: no such host",
    ]


@pytest.mark.parametrize(
    ("says", "what"),
    [
        (
            told("DEPLOY_FAILED", message=FAILED_ONCE, part="DEPLOY_FAILED"),
            "application avengers: ConnectionError: The store: no such host",
        ),
        (told("DEPLOY_FAILED"), "application avengers: it failed"),
        (told("DEPLOYING"), "not ready after 0 s: avengers"),
    ],
)
def test_why_it_does_not_come_up_is_one_line_that_ends_with_where_to_look(
    says: Any, what: str
) -> None:
    with pytest.raises(LaunchError) as failed:
        cluster(Client([says])).wait_until_ready(0)

    assert str(failed.value) == f"{what}; logs: /logs"


def test_a_proxy_that_does_not_serve_is_one_line_too() -> None:
    with pytest.raises(LaunchError) as failed:
        cluster(Client([told("RUNNING")], serves=False)).wait_until_ready()

    said = "HTTP is not served: Proxies not available after 60s.; logs: /logs"
    assert str(failed.value) == said
