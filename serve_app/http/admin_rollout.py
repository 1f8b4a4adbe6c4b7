"""`/admin/v1/rollout`, `…/tenants/{id}/rollout`: which artifact decides from now on.

Before one is named, a Router loads it: what is broken is refused, and so is what knows
none of the models that could answer; all stays as it was.
"""

import asyncio
import logging

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from deployments.errors import InvalidRequest, NotFound, ServingError
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

logger = logging.getLogger(__name__)

# A rollback must not hang on a store that does: mostly Routers still hold it.
_ROLLBACK_WAITS_S = 10.0


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
                raise NotFound(
                    f"There is no tenant {scope!r} in the store.", code="not_found"
                )
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
        """What was active before is so again; refused only where a Router says why not.

        Else the one that is to be taken back would go on deciding in its place.
        """
        scope, snapshot = _scope(request), await stored(self._ledger)
        before = snapshot.rollouts.get(scope, StoredRollout()).previous
        if before is not None and before.artifact is not None:
            try:
                async with asyncio.timeout(_ROLLBACK_WAITS_S):
                    await self._check(scope, before.artifact, snapshot)
            except InvalidRequest:
                raise
            except (TimeoutError, ServingError):
                logger.warning(
                    "no Router can say whether it holds what is rolled back to"
                )
        return changes_response(await self._ledger.roll(scope, RollBack()))

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
        scope = _scope(request)
        if artifact is not None:
            await self._check(scope, artifact, await stored(self._ledger))
        return changes_response(await self._ledger.roll(scope, step))

    async def _check(self, scope: str, artifact: str, snapshot: Snapshot) -> None:
        """InvalidRequest says why it cannot decide here."""
        known = known_artifacts(snapshot)
        if artifact not in known.artifacts:  # the store refuses one that is not there
            return
        try:
            manifest = await self._gateway.describe(known.ref(artifact))
        except InvalidRequest as error:
            error.param = "artifact"
            raise
        usable = set(self._gateway.directory.specs)
        for tenant in snapshot.tenants:
            if tenant.id == scope and tenant.models is not None:
                usable &= tenant.models
        if usable.isdisjoint(entry.model for entry in manifest.models):
            few = ", ".join(entry.model for entry in manifest.models[:3])
            whose = "catalog" if scope == GATEWAY else f"tenant {scope!r}"
            what = f"knows none of the models of the {whose}: it knows {few}"
            message = f"The artifact {artifact!r} {what}."
            raise InvalidRequest(message, param="artifact", code="artifact_unusable")


async def stored(ledger: LedgerLike) -> Snapshot:
    """Everything that is stored of accounts and artifacts, as of now."""
    snapshot = await ledger.snapshot(0)
    assert snapshot is not None  # no version is 0
    return snapshot


def known_artifacts(snapshot: Snapshot) -> Rollouts:
    """Those that are registered or declared: the store knows them all."""
    return Rollouts({}, Rollout(), snapshot)


def _scope(request: Request) -> str:
    """Whose rollout a path is of; NotFound for a tenant of the gateway's own name."""
    tenant_id = request.path_params.get("tenant_id")
    if tenant_id == GATEWAY:
        raise NotFound(f"There is no tenant {GATEWAY!r}.", code="not_found")
    return GATEWAY if tenant_id is None else str(tenant_id)
