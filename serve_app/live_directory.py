"""Tenants, tiers and models as they are now: the configuration's, what was put over it
while serving, and the store's."""

import threading
from collections.abc import Collection, Mapping
from typing import Any

from deployments.rollout import Rollout
from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig
from serve_app.access.tenants import Directory
from serve_app.config import AppConfig
from serve_app.live_settings import (
    LiveSettings,
    refuse_bounds,
    refuse_unknown_backends,
)


class LiveDirectory:
    """The current view; replaced whole on a change. `deployed`: names of backends."""

    def __init__(self, config: AppConfig, deployed: Collection[str]) -> None:
        self._config = config
        self._deployed = deployed
        self._changing = threading.Lock()
        self.current = self._view(config, None)
        self._configured = frozenset(tenant.id for tenant in config.tenants)

    @property
    def version(self) -> int:
        """Of the accounts that were taken last; 0 before."""
        snapshot = self.current.snapshot
        return 0 if snapshot is None else snapshot.version

    @property
    def only_warned(self) -> list[TenantConfig]:
        """Tenants of the settings that have a soft budget and no other."""
        return [
            tenant
            for tenant in self.current.settings.tenants
            if tenant.soft_budget is not None and tenant.max_budget is None
        ]

    def configures(self, tenant: str) -> bool:
        """Whether the settings name this tenant, and not the store alone."""
        return tenant in self._configured

    def take(self, snapshot: Snapshot) -> None:
        """Tenants and tiers of the store. It may be called in another thread."""
        whole = snapshot.onto(self.current.snapshot)
        with self._changing:
            self.current = self._view(self.current.settings, whole)

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Put `changes` over the configured live settings; ValueError leaves all as
        it was.

        Not over what was applied before: a replica that starts later gets only these.
        """
        settings = LiveSettings.model_validate({**self._config.live, **changes})
        self._check(settings)
        with self._changing:
            self.current = self._view(settings, self.current.snapshot)
        self._configured = frozenset(tenant.id for tenant in settings.tenants)

    def _check(self, settings: LiveSettings) -> None:
        for spec in settings.catalog.models:
            if self._config.backend_of(spec) not in self._deployed:
                what = f"catalog.models.{spec.id}: its backend {spec.backend!r}"
                raise ValueError(f"{what} is not deployed; that takes a restart")
        refuse_unknown_backends(settings, self._config.backends.names)
        if self._config.database is None:
            refuse_bounds(settings)
        elif settings.rollout != Rollout():
            raise ValueError("rollout: with a database the admin API sets it")

    def _view(self, settings: LiveSettings, snapshot: Snapshot | None) -> Directory:
        awaited = snapshot is None and self._config.database is not None
        return Directory(settings, snapshot=snapshot, awaited=awaited)
