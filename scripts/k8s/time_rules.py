"""The times that must follow one another so that no stream is cut.

longest answer ≤ graceful_shutdown_timeout_s of Gateway and backends; longest answer ≤
Ray's drain of a node < terminationGracePeriodSeconds; longest answer ≤
rayClusterDeletionDelaySeconds; and what stands in front does not give up before.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.rayservice import groups_of, ray_services, serve_config_of
from serve_app.config import AppConfig
from serve_app.config_file import IMPORT_PATH

_DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
_STOP = "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"
_STREAMING = ("Gateway", "OpenRouterBackend")
_PART = re.compile(r"(\d+)(ms|h|m|s)")  # of a Gateway API duration
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
_NGINX = "nginx.ingress.kubernetes.io/proxy-read-timeout"


def check_times(
    service: Object,
    config: AppConfig,
    built: Collection[str],
    manifests: Sequence[Object],
) -> Iterator[Finding]:
    """One RayService whose application's configuration is `config`.

    `built` are the names of its deployments, those that are not listed, too.
    """
    answer_s = _longest_answer_s(config)
    yield from _shutdown(service, built, answer_s)
    for group in groups_of(service):
        drain_s = float(group.env.get(_DRAIN) or 30)
        stop_s = float(group.env.get(_STOP) or 120)
        grace_s = group.pod.get("terminationGracePeriodSeconds", 30)
        if not answer_s <= drain_s < grace_s:
            what = f"an answer takes {answer_s:g} s, {_DRAIN} is {drain_s:g}"
            yield Finding(
                group.where, f"{what}, terminationGracePeriodSeconds {grace_s}"
            )
        if stop_s < answer_s:
            yield Finding(
                group.where, f"{_STOP} {stop_s:g} cuts answers of {answer_s:g}"
            )
    delay_s = (service.get("spec") or {}).get("rayClusterDeletionDelaySeconds", 60)
    if delay_s < answer_s:
        what = (
            f"rayClusterDeletionDelaySeconds {delay_s} cuts answers of {answer_s:g} s"
        )
        yield Finding(f"{named(service)} spec", what)
    if len(ray_services(manifests)) == 1 or service["metadata"]["name"] == "avengers":
        yield from _in_front(manifests, answer_s)


def _longest_answer_s(config: AppConfig) -> float:
    """With all that is tried for it: nothing is begun once the request's time is over,
    and no try may take longer than what is left of it."""
    tries = 1 + max(config.retries.max_fallbacks, config.retries.max_retries)
    one_s = max(spec.timeouts.total_s for spec in config.catalog.models)
    return min(config.limits.request_timeout_s, tries * one_s)


def _shutdown(
    service: Object, built: Collection[str], answer_s: float
) -> Iterator[Finding]:
    listed = {str(one.get("name")): one for one in _deployments(service)}
    for name in sorted(listed.keys() | set(built)):
        own = name.partition(":")[0]
        timeout_s = listed.get(name, {}).get("graceful_shutdown_timeout_s", 20)
        # A local model's own `timeouts` differ: the longest counts for the Gateway.
        if own in _STREAMING and timeout_s < answer_s:
            what = f"graceful_shutdown_timeout_s {timeout_s} cuts answers"
            where = f"{named(service)} serveConfigV2 {name}"
            yield Finding(where, f"{what} of {answer_s:g} s")


def _deployments(service: Object) -> list[dict[str, Any]]:
    config = serve_config_of(service) or {}
    for app in config.get("applications") or ():
        if app.get("import_path") == IMPORT_PATH:
            return list(app.get("deployments") or ())
    return []


def _in_front(manifests: Sequence[Object], answer_s: float) -> Iterator[Finding]:
    for manifest in manifests:
        if manifest.get("kind") == "HTTPRoute":
            for rule in manifest["spec"].get("rules") or ():
                yield from _patience(manifest, rule.get("timeouts") or {}, answer_s)
        if manifest.get("kind") == "Ingress":
            annotations = manifest["metadata"].get("annotations") or {}
            if float(annotations.get(_NGINX, 60)) < answer_s:
                what = f"{_NGINX} cuts answers of {answer_s:g} s"
                yield Finding(named(manifest), what)


def _patience(
    route: Object, timeouts: Mapping[str, str], answer_s: float
) -> Iterator[Finding]:
    if not timeouts:
        yield Finding(named(route), "timeouts must be written")
    for name, value in timeouts.items():
        seconds = sum(int(n) * _UNIT_S[unit] for n, unit in _PART.findall(value))
        if 0 < seconds < answer_s:
            what = f"timeouts.{name} {value} cuts answers of {answer_s:g} s"
            yield Finding(named(route), what)
