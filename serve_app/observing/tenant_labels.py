"""Which tenants have a label of their own: as few as Prometheus can bear."""

from collections.abc import Iterator
from itertools import islice

from serve_app.access.tenants import Directory

OTHER = "other"


class TenantLabels:
    """The same in all replicas that know the same tenants."""

    def __init__(self, max_tenants: int) -> None:
        self._max_tenants = max_tenants
        self._directory: Directory | None = None
        self._known: frozenset[str] = frozenset()

    def of(self, tenant: str, directory: Directory) -> str:
        """The tenant's id, or `other`."""
        if directory is not self._directory:
            ids = dict.fromkeys(_ids(directory))
            self._known = frozenset(islice(ids, self._max_tenants))
            self._directory = directory
        return tenant if tenant in self._known else OTHER


def _ids(directory: Directory) -> Iterator[str]:
    yield from (tenant.id for tenant in directory.settings.tenants)
    if directory.snapshot is not None:
        yield from sorted(tenant.id for tenant in directory.snapshot.tenants)
