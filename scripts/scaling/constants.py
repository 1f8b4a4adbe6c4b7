"""What was measured of each deployment, and what a reader may set: the inputs of
capacity tables, autoscaling settings and simulations.

`docs/capacity/constants.json` holds the measured ones, each with the command that made
it; `scripts/bench/constants` writes it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from scripts.bench.chips import peak_flops
from scripts.tiny_embedder import QWEN3_8B, flop_per_token

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/capacity/constants.json"
DEPLOYMENTS = ("Gateway", "Router", "Embedder", "OpenRouterBackend", "Ledger")
STREAMING = ("Gateway", "OpenRouterBackend", "Node")  # an answer's bytes pass there
IN_GATEWAY = ("Router", "OpenRouterBackend")  # with `placement: gateway`
_UNEVEN = 1.2  # the slowest over the fastest of the same piece of work
GATHER_MS = (25, 50, 100)  # of an upstream; the first is its default

# What a GPU embeds is reckoned as `scripts/bench/embedder` does, which prints the share
# of the peak that it measures; this one is assumed.
GPU, GPU_PEAK_SHARE = "H200", 0.5
GPU_PEAK = peak_flops(GPU) or 0.0
FLOP_PER_TOKEN = flop_per_token(QWEN3_8B)


@dataclass(frozen=True, slots=True)
class Way:
    """A configuration that changes what an answer costs; the default is the default."""

    in_gateway: bool = False  # `placement: gateway`
    gather_ms: int = GATHER_MS[0]

    def plain(self, name: str) -> str:
        """The constant: CPU per plain request in a deployment."""
        return f"{self._placed}{name}.cpu_ms_plain"

    def stream_second(self, name: str) -> str:
        """The constant: CPU per second of a stream in a deployment."""
        gathered = "" if self.gather_ms == GATHER_MS[0] else f"_{self.gather_ms}"
        return f"{self._placed}{name}.cpu_ms_stream_second{gathered}"

    def parts(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the deployments that have replicas of their own."""
        gone = IN_GATEWAY if self.in_gateway else ()
        return tuple(name for name in names if name not in gone)

    @property
    def _placed(self) -> str:
        return "placed." if self.in_gateway else ""


WAYS = tuple(Way(placed, ms) for placed in (False, True) for ms in GATHER_MS)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Constant(_Frozen):
    """One measured number."""

    value: float = Field(ge=0)
    unit: str
    command: str = Field(description="what measured it")
    what: str
    disturbed: bool = Field(default=False, description="others used the machine, too")


class Conditions(_Frozen):
    """How the machine was meanwhile. A fixed piece of work, a text of 60 tokens that is
    embedded, tells whether its cores were as fast as at another time: who shares a core
    with us is in no share of the machine."""

    rounds: int = Field(ge=1, description="a constant is their median")
    foreign_before: float = Field(description="share that others used at the start")
    stolen_before: float = Field(description="share that other machines had then")
    samples: int
    disturbed: int = Field(description="samples beside which others used the machine")
    calibration_ms: float = Field(gt=0, description="CPU of the fixed piece: median")
    calibration_least_ms: float
    calibration_most_ms: float

    @property
    def uneven(self) -> bool:
        """Whether the cores were not equally fast all the time."""
        return self.calibration_most_ms > _UNEVEN * self.calibration_least_ms


class Constants(_Frozen):
    """All of them, by name, and where and when they were measured."""

    machine: str
    measured_at: str
    load_before: float = Field(description="load average before the first measurement")
    conditions: Conditions | None = Field(
        default=None, description="None: measured before they were noted"
    )
    constants: dict[str, Constant]

    def __getitem__(self, name: str) -> float:
        """A value; SystemExit naming the command if it was not measured."""
        if name not in self.constants:
            raise SystemExit(f"{name} was not measured: run scripts/bench/constants")
        return self.constants[name].value

    def embed_ms(self, tokens: float) -> float:
        """CPU to embed a text on one thread."""
        each = self["Embedder.cpu_ms_token"]
        return self["Embedder.cpu_ms_text"] + each * tokens

    @classmethod
    def read(cls, path: Path = FILE) -> "Constants":
        """From a file; SystemExit if it cannot be used."""
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise SystemExit(f"{path}: {reason}") from None

    def written(self) -> str:
        """The file's text."""
        data: dict[str, Any] = self.model_dump(exclude_defaults=True)
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What nobody can measure here: the reader's traffic and prices.

    The defaults are examples, not measurements.
    """

    stream_share: float = 0.7
    cache_hit_share: float = 0.1
    upstream_first_token_s: float = 0.6
    upstream_tokens_per_s: float = 60.0
    usd_per_core_hour: float = 0.04
    usd_per_gpu_hour: float = 4.0
    node_cores: int = 16
    node_start_s: float = 90.0
    gpu_node_start_s: float = 240.0
    gpu_replica_start_s: float = 120.0
    gpu_tokens_per_s: float = GPU_PEAK_SHARE * GPU_PEAK / FLOP_PER_TOKEN
