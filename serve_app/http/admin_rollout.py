"""`/admin/v1/rollout`, `…/tenants/{id}/rollout`: which artifact decides from now on.

Before one is named, a Router loads it: what is broken is refused, and all stays as it
was.
"""

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from deployments.errors import InvalidRequest, NotFound
from deployments.limits.ledger_protocol import LedgerLike
from deployments.rollout import (
    GATEWAY,
    Activate,
    ArtifactName,
    Portion,
    RollBack,
    Rollout,
    SetCanary,
    SetShadow,
    Step,
    StoredRollout,
)
from deployments.store.snapshot import Snapshot
from serve_app.access.rollouts import Rollouts
from serve_app.gateway import Gateway
from serve_app.http.admin_body import Paths, admin_body, changes_response, checked_body
from serve_app.http.artifact_json import shown_rollout
from serve_app.http.responses import json_response


class Activation(BaseModel):
    """The body that activates one; null: `default`, for a tenant the gateway's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifact: ArtifactName | None


class RolloutAdmin:
    """One method for each path; the path says whose rollout it is."""

    def __init__(self, ledger: LedgerLike, gateway: Gateway) -> None:
        self._ledger = ledger
        self._gateway = gateway

    def paths(self) -> Paths:
        """Method, path below `/admin/v1`, handler."""
        paths: Paths = ()
        for prefix in ("/rollout", "/tenants/{tenant_id}/rollout"):
            paths += (
                ("GET", prefix, self.rollout),
                ("POST", f"{prefix}/activate", self.activate),
                ("POST", f"{prefix}/rollback", self.roll_back),
                ("PUT", f"{prefix}/canary", self.put_canary),
                ("DELETE", f"{prefix}/canary", self.delete_canary),
                ("PUT", f"{prefix}/shadow", self.put_shadow),
                ("DELETE", f"{prefix}/shadow", self.delete_shadow),
            )
        return paths

    async def rollout(self, request: Request) -> Response:
        """What is stored for the gateway, or for one tenant."""
        scope, snapshot = _scope(request), await stored(self._ledger)
        pin = None
        if scope != GATEWAY:
            pins = {tenant.id: tenant.artifact for tenant in snapshot.tenants}
            if scope not in pins:
                raise NotFound(f"There is no tenant {scope!r}.", code="not_found")
            pin = pins[scope]
        nothing = StoredRollout()
        active = pin or snapshot.rollouts.get(GATEWAY, nothing).active
        rollout = snapshot.rollouts.get(scope, nothing)
        return json_response(shown_rollout(scope, rollout, active, pin is not None))

    async def activate(self, request: Request) -> Response:
        """It decides from now on."""
        artifact = checked_body(Activation, await admin_body(request)).artifact
        return await self._roll(request, Activate(artifact), artifact)

    async def roll_back(self, request: Request) -> Response:
        """What was active before is so again."""
        return await self._roll(request, RollBack())

    async def put_canary(self, request: Request) -> Response:
        """It decides for a share of the conversations."""
        portion = checked_body(Portion, await admin_body(request))
        return await self._roll(request, SetCanary(portion), portion.artifact)

    async def delete_canary(self, request: Request) -> Response:
        """It decides for none any more."""
        return await self._roll(request, SetCanary(None))

    async def put_shadow(self, request: Request) -> Response:
        """It decides beside the active one, for the record only."""
        portion = checked_body(Portion, await admin_body(request))
        return await self._roll(request, SetShadow(portion), portion.artifact)

    async def delete_shadow(self, request: Request) -> Response:
        """It decides no more."""
        return await self._roll(request, SetShadow(None))

    async def _roll(
        self, request: Request, step: Step, artifact: str | None = None
    ) -> Response:
        known = known_artifacts(await stored(self._ledger))
        if artifact in known.artifacts:  # the store refuses one that is not
            try:
                await self._gateway.describe(known.ref(artifact))
            except InvalidRequest as error:
                error.param = "artifact"
                raise
        return changes_response(await self._ledger.roll(_scope(request), step))


async def stored(ledger: LedgerLike) -> Snapshot:
    """Everything that is stored of accounts and artifacts, as of now."""
    snapshot = await ledger.snapshot(0)
    assert snapshot is not None  # no version is 0
    return snapshot


def known_artifacts(snapshot: Snapshot) -> Rollouts:
    """Those that are registered or declared: the store knows them all."""
    return Rollouts({}, Rollout(), snapshot)


def _scope(request: Request) -> str:
    return str(request.path_params.get("tenant_id", GATEWAY))
