"""The Serve config of k8s/ on a local cluster; new versions of it by `serve deploy`."""

import copy
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import yaml

from scripts.served import ROOT, Served, served_as

SOURCE = ROOT / "k8s/base/serve-config.yaml"
OTHER_KEY = "sk-av-other-tenant"
_STATUS_S = 180.0

Config = dict[str, Any]
# Deployment → the ids of its replicas, each with its process.
Replicas = dict[str, dict[str, int]]


class DeployFailed(Exception):
    """Serve did not come to run the config; one line says why."""


def local(source: Path, *, upstream: str, directory: Path) -> Config:
    """The config, with the upstream and the journal of this run, and few replicas."""
    config: Config = yaml.safe_load(source.read_text(encoding="utf-8"))
    app = config["applications"][0]
    app["args"]["backends"]["openrouter"]["base_url"] = f"{upstream}/api/v1/"
    app["args"]["usage"]["journal"] = str(directory / "journal")
    # What is measured is whether requests fail, not whether this machine is fast.
    app["args"]["limits"]["route_timeout_s"] = 20
    for deployment in app["deployments"]:
        if "autoscaling_config" in deployment:
            _few(deployment)
        deployment["ray_actor_options"] = {"num_cpus": 0.1}
        if "graceful_shutdown_timeout_s" in deployment:
            deployment["graceful_shutdown_timeout_s"] = 30
    return config


def _few(deployment: Config) -> None:
    """Two keep their autoscaling, which edits are about."""
    if deployment["name"] in ("Router", "Embedder"):
        deployment["autoscaling_config"] |= {"min_replicas": 1, "max_replicas": 1}
        return
    del deployment["autoscaling_config"]
    deployment["num_replicas"] = 2 if deployment["name"] == "Gateway" else 1


def deployment(config: Config, name: str) -> Config:
    """One of its deployments."""
    listed = config["applications"][0]["deployments"]
    found: Config = next(one for one in listed if one["name"] == name)
    return found


@dataclass(frozen=True)
class Graph:
    """A running cluster. `config` is what it was started with."""

    served: Served
    config: Config
    directory: Path
    dashboard: str
    token: str

    @property
    def url(self) -> str:
        return self.served.url

    def deploy(self, change: Callable[[Config], None]) -> None:
        """`serve deploy` of the first config with one change; DeployFailed.

        Returns once every deployment is healthy with it.
        """
        config = copy.deepcopy(self.config)
        change(config)
        path = self.directory / "deployed.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [Path(sys.executable).with_name("serve"), "deploy", str(path)]
        done = subprocess.run(
            [*command, "--address", self.dashboard],
            env=os.environ | _auth(self.token),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeployFailed(done.stderr.strip().splitlines()[-1])
        self._wait()

    def replicas(self) -> Replicas:
        """Those that run now."""
        return {
            name: {one["replica_id"]: one["pid"] for one in details["replicas"]}
            for name, details in self._application()["deployments"].items()
        }

    def _wait(self) -> None:
        until = time.monotonic() + _STATUS_S
        while time.monotonic() < until:
            app = self._application()
            states = {name: one["status"] for name, one in app["deployments"].items()}
            if app["status"] == "RUNNING" and set(states.values()) == {"HEALTHY"}:
                return
            if app["status"] in ("DEPLOY_FAILED", "UNHEALTHY"):
                raise DeployFailed(
                    f"{app['status']}: {app['message'].splitlines()[-1]}"
                )
            time.sleep(0.2)
        raise DeployFailed(f"not healthy in {_STATUS_S:g} s: {states}")

    def _application(self) -> Mapping[str, Any]:
        request = Request(
            f"{self.dashboard}/api/serve/applications/",
            headers={"authorization": f"Bearer {self.token}"},
        )
        with urlopen(request, timeout=30) as response:
            found: Mapping[str, Any] = json.load(response)
        [application] = found["applications"].values()
        return application


def _auth(token: str) -> dict[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


@contextmanager
def running(upstream: str, *, source: Path = SOURCE) -> Iterator[Graph]:
    """A cluster with the dashboard's REST, which `serve deploy` talks to."""
    with TemporaryDirectory() as made:
        directory = Path(made)
        config = local(source, upstream=upstream, directory=directory)
        token = secrets.token_hex(32)
        variables = _auth(token) | {
            # As in a cluster: a replica stays until HAProxy knows that it goes.
            "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "30",
            "OPENROUTER_API_KEY": "sk-or-local",
            "AVENGERS_OTHER_KEY": OTHER_KEY,
            "AVENGERS_DATABASE_URL": f"sqlite:///{directory / 'avengers.db'}",
        }
        local_only = ("--host", "127.0.0.1", "--dashboard")
        with served_as(config, directory, *local_only, **variables) as graph:
            dashboard = graph.said_of("dashboard")
            # What is deployed later has the address that it runs at.
            parts = urlsplit(graph.url)
            config["http_options"] |= {"host": parts.hostname, "port": parts.port}
            yield Graph(graph, config, directory, dashboard, token)
