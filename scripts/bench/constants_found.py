"""The constants that scripts/bench/constants has found so far."""

from scripts.scaling.constants import Constant

COMMAND = "scripts/bench/constants"


class Found:
    """The constants as they come."""

    def __init__(self) -> None:
        self.constants: dict[str, Constant] = {}

    def add(self, name: str, value: float, unit: str, what: str) -> None:
        """One more; three significant digits are more than a run repeats."""
        rounded = float(f"{max(0.0, value):.3g}")
        self.constants[name] = Constant(
            value=rounded, unit=unit, command=COMMAND, what=what
        )
        print(f"{name:38} {rounded:10g} {unit}", flush=True)
