"""Autoscaling settings of each deployment, derived from what was measured."""

import math
from dataclasses import dataclass, field

from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from scripts.scaling.plan import (
    ROUTE_TIMEOUT_S,
    RouteCall,
    Running,
    Workload,
    route_call,
)
from scripts.scaling.traffic import Bursts

TOKEN_POLICY = "deployments.routing.token_policy:TokenPolicy"
# Of the tokens at the knee: with all of them there are fewer replicas in bursts than by
# calls, but more decisions come late; see scripts/simulate --policies.
_TOKENS_SHARE = 0.85
REPORT_S = 10.0  # how often handles and replicas report to the controller
_AVAILABLE = 2  # so many of each, that one may die
_HEADROOM = 1.25
_SURGE = 1.5  # a replica holds so many times what it holds when its core is full


@dataclass(frozen=True, slots=True)
class Goal:
    """What the installation is for: requests a second at night and at the very top."""

    least: float
    most: float
    bursts: Bursts = field(default_factory=Bursts)


@dataclass(frozen=True, slots=True)
class Policy:
    """`autoscaling_config.policy`: a class by its path, and what it is made with."""

    path: str
    kwargs: dict[str, float]
    why: dict[str, str]  # of each argument


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one deployment; `why` says how each number came about, a line for each."""

    deployment: str
    min_replicas: int
    max_replicas: int
    target_ongoing_requests: float
    max_ongoing_requests: int
    upscale_delay_s: float
    downscale_delay_s: float
    look_back_period_s: float
    why: dict[str, str]
    policy: Policy | None = None  # None: Serve's own, which counts calls

    def autoscaling(self) -> AutoscalingConfig:
        """Serve's own object, which checks them."""
        policy = AutoscalingPolicy()
        if self.policy:
            policy = AutoscalingPolicy(
                policy_function=self.policy.path, policy_kwargs=self.policy.kwargs
            )
        return AutoscalingConfig(
            policy=policy,
            min_replicas=self.min_replicas,
            max_replicas=self.max_replicas,
            target_ongoing_requests=self.target_ongoing_requests,
            upscale_delay_s=self.upscale_delay_s,
            downscale_delay_s=self.downscale_delay_s,
            look_back_period_s=self.look_back_period_s,
        )


@dataclass(frozen=True, slots=True)
class _Ongoing:
    """How many requests Serve sees at one replica: at the knee, and at most."""

    target: float
    most: int
    why_target: str
    why_most: str


def derive(workload: Workload, name: str, goal: Goal) -> Settings:
    """The settings of one of SCALED."""
    rate, full = workload.rate(name), workload.capacity(name)
    burst = goal.least * goal.bursts.factor
    least = max(_AVAILABLE, math.ceil(burst / full))
    most = max(least, math.ceil(_HEADROOM * goal.most / rate))
    ongoing = _ongoing(workload, name, goal)
    up, down, back = _delays(workload, name, goal.bursts)
    cpu_ms = 1e3 * workload.cpu_s(name)
    core, of_it = ("GPU", "ms") if _on_gpu(workload, name) else ("core", "CPU-ms")
    policy = _token_policy(workload) if name == "Embedder" else None
    unused = "; for Serve's own policy, not the one below" if policy else ""
    why = {
        "min_replicas": f"a burst at night is {burst:g}/s, a full {core} takes "
        f"{full:.0f}/s; never fewer than {_AVAILABLE}",
        "max_replicas": f"{_HEADROOM:g} × {goal.most:g}/s of {rate:.0f}/s each: "
        f"{workload.knee:.0%} of a {core} at {cpu_ms:.2f} {of_it} a request",
        "target_ongoing_requests": ongoing.why_target + unused,
        "max_ongoing_requests": ongoing.why_most,
        "upscale_delay_s": "one report more: what is over by then starts nothing",
        "downscale_delay_s": f"a burst ({goal.bursts.last_s:g} s) keeps what it has",
        "look_back_period_s": f"two reports of {REPORT_S:g} s",
    }
    return Settings(
        name, least, most, ongoing.target, ongoing.most, up, down, back, why, policy
    )


def _on_gpu(workload: Workload, name: str) -> bool:
    return workload.gpu and name == "Embedder"


def _token_policy(workload: Workload) -> Policy:
    full, mean = workload.tokens_per_s, workload.lengths.mean
    core = "GPU, which is assumed" if workload.gpu else "core"
    why = {
        "capacity": f"{_TOKENS_SHARE:g} × {workload.knee:.0%} of the {full:,.0f} "
        f"tokens/s of a full {core}, {mean:.0f} tokens a text; the rest is for "
        "tokens that are not seen yet",
        "drain_s": "a decision that waits longer is late: limits.route_timeout_s",
    }
    capacity = _round(_TOKENS_SHARE * workload.knee * full)
    kwargs = {"capacity": capacity, "drain_s": ROUTE_TIMEOUT_S}
    return Policy(TOKEN_POLICY, kwargs, why)


def _delays(
    workload: Workload, name: str, bursts: Bursts
) -> tuple[float, float, float]:
    """Up, down, look-back.

    A replica helps only if it is there before a burst is half over.
    """
    spare = bursts.last_s / 2 - REPORT_S - workload.start_s(name)
    look_back = 2 * REPORT_S
    up = min(REPORT_S, max(0.0, float(math.floor(spare))))
    return up, max(bursts.last_s, 2 * look_back), look_back


def _ongoing(workload: Workload, name: str, goal: Goal) -> _Ongoing:
    if name in {"Router", "Embedder"}:
        return _calls(workload, name, goal)
    own_s = workload.constants["Gateway.own_ms"] / 1e3 if name == "Gateway" else 0.0
    stay_s = own_s + workload.demand.upstream_s
    target = workload.rate(name) * stay_s
    full = workload.capacity(name) * stay_s
    return _Ongoing(
        _round(target),
        math.ceil(_SURGE * full),
        f"Little: {workload.rate(name):.0f}/s × {stay_s:.2f} s, the upstream's "
        f"{workload.demand.upstream_s:.2f} s in it",
        f"{_SURGE:g} × the {full:.0f} of a full core: upstreams may be "
        "slower, and what waits beyond that is refused",
    )


def call_at_knee(workload: Workload) -> RouteCall:
    """What a Gateway's calls are like when every deployment is loaded to the knee."""
    rate = workload.rate("Gateway")
    shares = (rate / workload.rate(name) for name in ("Router", "Embedder"))
    many = 100.0  # of each, in these proportions
    running = Running(many, *(many * share for share in shares))
    return route_call(workload, rate, running, workload.lengths.mean)


def _calls(workload: Workload, name: str, goal: Goal) -> _Ongoing:
    """Serve counts calls, and a Gateway has few in flight."""
    call = call_at_knee(workload)
    gateways = workload.rate(name) / workload.rate("Gateway")
    there = call.embedder_s / call.seconds if name == "Embedder" else 1.0
    share = call.in_flight * there
    callers = math.ceil(_HEADROOM * goal.most / workload.rate("Gateway"))
    most = callers * workload.route_calls
    return _Ongoing(
        _round(gateways * share),
        max(16, 2 * most),
        f"a replica has {gateways:.2f} Gateways' traffic, {share:.2f} calls of each "
        f"are here ({1e3 * call.seconds:.1f} ms and {call.batch:.1f} requests a call)",
        f"2 × {most}: {callers} Gateways, {workload.route_calls} shared calls of each",
    )


def _round(value: float) -> float:
    """Two significant digits: more is not known."""
    return float(f"{max(0.05, value):.2g}")
