"""The rows of the fault table, each with what it is designed to do.

DESIGN.md's rules: before the first byte a model that fails is followed by the next of
the ranking; a model that the client named is asked again. After the first byte a
stream ends with an error event. Nothing ever ends as if it were whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from scripts.upstream.faults import KINDS, Phase
from scripts.upstream.misbehaviour import RETRY_AFTER_S

Mode = Literal["unary", "stream"]
# auto: two models may answer, and only the first has the fault; named: only that one.
Way = Literal["auto", "named"]
End = Literal["first", "other", "retried", "recovered", "refused", "broken", "left"]


@dataclass(frozen=True, slots=True)
class Expected:
    """`first`: answered in spite of the fault. `other`: answered by the other model.
    `retried`: by the same one, asked again; `recovered`: that, or the HTTP client has
    asked again by itself. `refused`: an HTTP error. `broken`: 200, then an error event.
    `left`: the client hung up. `loses`: an answer is charged whose id never came, so
    that its cost stays unknown."""

    end: End
    status: int = 200
    code: str | None = None
    retry_after_s: float | None = None
    loses: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One request with one fault."""

    fault: str
    phase: Phase
    mode: Mode
    way: Way
    expected: Expected
    times: int | None = None  # how often the fault strikes; None = always
    leave_after: int | None = None
    leave_s: float | None = None

    @property
    def wish(self) -> str:
        """As the upstream reads it, without the model."""
        times = f",times={self.times}" if self.times else ""
        return f"{self.fault},{self.phase.value}{times}"

    @property
    def name(self) -> str:
        """The fault, how often it strikes, and whether the client stays."""
        times = f" ×{self.times}" if self.times else ""
        return self.fault + times + (", client leaves" if self.leaves else "")

    @property
    def label(self) -> str:
        """All that tells one row from the others."""
        return f"{self.name} {self.phase.value} {self.mode} {self.way}"

    @property
    def leaves(self) -> bool:
        """Whether the client hangs up."""
        return self.leave_after is not None or self.leave_s is not None


# Of a fault before the first byte: HTTP status and code, where no other model helps.
_REFUSALS = {
    "400": (400, "upstream_refused"),
    "400-model": (502, "upstream_model_not_found"),
    "401": (502, "upstream_authentication"),
    "402": (502, "upstream_insufficient_credits"),
    "403": (502, "upstream_permission"),
    "404": (502, "upstream_model_not_found"),
    "408": (504, "upstream_timeout"),
    "413": (400, "context_length_exceeded"),
    "429": (429, "upstream_rate_limit"),
    "429-date": (429, "upstream_rate_limit"),
    "504": (504, "upstream_timeout"),
}
_SLOW = {"hang", "comments", "endless"}
_FAILED = (502, "upstream_error")
_HARMLESS = {"drip", "no-usage"}
_SAME_AFTER = {"malformed-json", "error-chunk"}  # unary: one body, no phases


def rows(protocol: str) -> list[Row]:
    """All rows for an upstream that speaks `protocol`."""
    return [*_faults(protocol), *_transient(protocol), *_leaving()]


def _faults(protocol: str) -> Iterator[Row]:
    for name, kind in KINDS.items():
        for phase in kind.phases:
            modes: tuple[Mode, ...] = ("stream",) if kind.stream_only else _MODES
            for mode in modes:
                if mode == "unary" and phase is Phase.AFTER and name in _SAME_AFTER:
                    continue
                for way in _WAYS:
                    expected = _expected(name, phase, mode, way, protocol)
                    yield Row(name, phase, mode, way, expected)


_MODES: tuple[Mode, ...] = ("unary", "stream")
_WAYS: tuple[Way, ...] = ("auto", "named")


def _expected(name: str, phase: Phase, mode: Mode, way: Way, protocol: str) -> Expected:
    status, code = _REFUSALS.get(name, _FAILED)
    if name in _SLOW:
        status, code = 504, f"upstream_timeout{_limit(name, phase, mode)}"
    # After a GOAWAY httpx gives up all answers of its connection, also those that the
    # server completes and charges.
    loses = name == "goaway" and phase is Phase.BEFORE
    if name in _HARMLESS or (name == "goaway" and protocol == "HTTP/1.1"):
        return Expected("first")
    if mode == "stream" and phase is Phase.AFTER:
        return Expected("broken", 200, code)
    if way == "auto" and name != "400":
        return Expected("other", loses=loses)
    retry_after_s = float(RETRY_AFTER_S) if name.startswith("429") else None
    return Expected("refused", status, code, retry_after_s, loses)


def _limit(name: str, phase: Phase, mode: Mode) -> str:
    """The limit of Timeouts that a slow answer runs into, if it is told."""
    if mode == "unary":
        return "" if phase is Phase.BEFORE else "_total"
    if name == "endless":
        return "_total"
    return "_first_token" if phase is Phase.BEFORE else "_between_tokens"


def _transient(protocol: str) -> Iterator[Row]:
    """A model that the client named, and whose fault passes."""
    for name in ("500", "503", "cut-rst", "goaway-abrupt", "hang"):
        # A request that a GOAWAY disowns was not begun, so httpx sends it once more.
        resent = name == "goaway-abrupt" and protocol == "HTTP/2"
        for mode in _MODES:
            expected = Expected("recovered" if resent else "retried")
            yield Row(name, Phase.BEFORE, mode, "named", expected, times=1)


def _leaving() -> Iterator[Row]:
    """Clients that hang up; the upstream has to notice within a second."""
    left = Expected("left")
    yield Row("endless", Phase.AFTER, "stream", "named", left, leave_after=5)
    yield Row("comments", Phase.AFTER, "stream", "named", left, leave_after=3)
    yield Row("hang", Phase.BEFORE, "unary", "named", left, leave_s=0.5)
