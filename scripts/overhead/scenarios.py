"""What is compared with what: targets and loads of each scenario."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.overhead.merging import merged
from scripts.overhead.peers import PEERS
from scripts.overhead.plan import CONNECTIONS, DIRECT, LEAST_S, PACED, base_cases
from scripts.overhead.populations import store_models
from scripts.overhead.sampling import Case
from scripts.overhead.targets import Start, Target, bare, changed, direct, gateway
from scripts.overhead.wire import MANY_WORDS

BARE = "bare proxy"
GATEWAY = "gateway"
PLACED = "gateway, placement: gateway"
UNKEPT = f"{PLACED}, no database"
TENANTS = (1, 10_000)
MODELS = (8, 200)
REPLICAS = (1, 2)
GATHER_MS = (25, 50, 100)

_PLACED = changed(args={"placement": "gateway"}, deployments={"Router": None})
# Ours as one would start them, as changes of local.yaml. Other gateways keep neither
# budgets nor usage when they run without a database.
CHANGES: Mapping[str, Mapping[str, Any]] = {
    GATEWAY: {},
    PLACED: _PLACED,
    UNKEPT: changed(
        args={"placement": "gateway", "database": None, "usage": None, "auth": None},
        deployments={"Router": None},
    ),
}
OURS: Mapping[str, Start] = {name: gateway(change) for name, change in CHANGES.items()}


@dataclass(frozen=True)
class Scenario:
    """`targets` in turn, each under `cases`."""

    targets: Mapping[str, Start]
    cases: Callable[[Target], Sequence[Case]]


def base(variants: Mapping[str, Any]) -> Scenario:
    """Every gateway under every load. `variants` of ours: changes by name."""
    targets: dict[str, Start] = {DIRECT: direct, BARE: bare, **OURS}
    targets |= {name: gateway(change) for name, change in variants.items()}
    return Scenario(targets | PEERS, lambda _: base_cases())


def cold() -> Scenario:
    """No question is asked twice, so every one is embedded."""
    new = Case("", texts=0, least_s=LEAST_S)
    cases = [
        replace(new, name=f"cold c={number}", connections=number)
        for number in CONNECTIONS
    ]
    long = replace(new, name="cold long c=16", connections=16, words=MANY_WORDS)
    cases += [long, Case("known beside long", 1, beside=long)]
    targets = {DIRECT: direct, GATEWAY: OURS[GATEWAY], PLACED: OURS[PLACED]}
    return Scenario(targets, lambda _: cases)


def tenants() -> Scenario:
    """One tenant and many, in the database."""
    return Scenario(
        {_counted(number, "tenant"): gateway(tenants=number) for number in TENANTS},
        _plain,
    )


def limits() -> Scenario:
    """What limits and a budget cost, of one tenant and of many."""
    free = {_counted(1, "tenant"): gateway(tenants=1)}
    limited = {
        f"{_counted(number, 'tenant')} with limits": gateway(
            tenants=number, limited=True
        )
        for number in TENANTS
    }
    return Scenario(free | limited, _plain)


def models(directory: Path) -> Scenario:
    """Few models and many; their artifacts are written to `directory`."""
    return Scenario(
        {
            _counted(number, "model"): gateway(
                changed(args=store_models(directory / str(number), number))
            )
            for number in MODELS
        },
        _plain,
    )


def replicas() -> Scenario:
    """One Gateway replica and two, in both placements."""
    changes = {
        number: changed(deployments={"Gateway": {"num_replicas": number}})
        for number in REPLICAS
    }
    default = {
        _counted(number, "Gateway replica"): gateway(change)
        for number, change in changes.items()
    }
    placed = {
        f"{_counted(number, 'Gateway replica')}, placement: gateway": gateway(
            merged(_PLACED, change)
        )
        for number, change in changes.items()
    }
    return Scenario(default | placed, _plain)


def frames() -> Scenario:
    """How long the events of a stream gather, in both placements."""
    changes = {
        number: changed(args={"backends": {"openrouter": {"gather_ms": number}}})
        for number in GATHER_MS
    }
    default = {f"{number} ms": gateway(change) for number, change in changes.items()}
    placed = {
        f"{number} ms, placement: gateway": gateway(merged(_PLACED, change))
        for number, change in changes.items()
    }
    cases = [
        PACED,
        replace(PACED, name="paced stream c=1", connections=1),
        Case("stream c=16", 16, stream=True),
    ]
    return Scenario(default | placed, lambda _: cases)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


def _plain(_: Target) -> list[Case]:
    return [Case(f"plain c={number} 0 ms", number) for number in CONNECTIONS]
