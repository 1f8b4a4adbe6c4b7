"""How soon changes were known to all replicas, and what else was seen meanwhile."""

import statistics
from dataclasses import dataclass, field

MOST_S = 2.0  # what a change may take


@dataclass
class Reached:
    """Seconds from the admin API's answer to the last replica; what else was seen."""

    replicas: int = 0
    all_tenants_s: float = 0.0  # from the commit of all of them
    issued_s: list[float] = field(default_factory=list)
    revoked_s: list[float] = field(default_factory=list)
    memory_before_mib: list[float] = field(default_factory=list)  # of each replica
    memory_after_mib: list[float] = field(default_factory=list)
    asked: int = 0  # requests meanwhile, with a key that nobody changed
    failed: int = 0
    slowest_s: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether each change was soon known, and all went on meanwhile."""
        soon = max(*self.issued_s, *self.revoked_s) <= MOST_S
        return soon and self.asked > 0 and self.failed == 0

    def figures(self) -> dict[str, str]:
        """For the table."""
        changes = self.issued_s + self.revoked_s
        before, after = map(max, (self.memory_before_mib, self.memory_after_mib))
        return {
            "Gateway replicas": str(self.replicas),
            "all tenants at once, known to all, s": f"{self.all_tenants_s:.2f}",
            "a key issued or revoked, known to all, median s": (
                f"{statistics.median(changes):.2f}"
            ),
            f"… max of {len(changes)}, s (at most {MOST_S:g})": f"{max(changes):.2f}",
            "memory of a replica without and with them, MiB (PSS, largest)": (
                f"{before:.0f} → {after:.0f}"
            ),
            "requests meanwhile, failed": f"{self.asked}, {self.failed}",
            "slowest of them, s": f"{self.slowest_s:.2f}",
        }
