"""`/admin/v1/artifacts`: which there are, who uses them, what shadows decided."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from artifacts.location import is_remote
from artifacts.manifest import Manifest
from deployments.errors import InvalidRequest, NotFound, ServingError
from deployments.limits.ledger_protocol import LedgerLike
from deployments.protocol.routing import ArtifactRef
from deployments.rollout import DEFAULT, StoredArtifact, users_of
from deployments.store.snapshot import Snapshot
from deployments.store.usage_query import UsageQuery
from serve_app.gateway import Gateway
from serve_app.http.admin_body import (
    Paths,
    admin_body,
    changes_response,
    checked_body,
    list_response,
)
from serve_app.http.admin_rollout import RolloutAdmin, known_artifacts, stored
from serve_app.http.artifact_json import shown_artifact, shown_shadow
from serve_app.http.responses import json_response
from serve_app.http.usage_api import check_params, stated_params
from serve_app.http.usage_span import last_days, moment

# Of several that are shown, one that hangs must not hide the others.
_WAITS_S = 10.0
_PARAMS = ("start", "end", "tenant")  # of what a shadow decided


class Registration(BaseModel):
    """The body that registers an artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: str = Field(min_length=1, max_length=2048)


class ArtifactAdmin:
    """One method for each path."""

    def __init__(
        self, ledger: LedgerLike, gateway: Gateway, *, waits_s: float = _WAITS_S
    ) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._waits_s = waits_s
        self._rollout = RolloutAdmin(ledger, gateway)

    def paths(self) -> Paths:
        """Method, path below `/admin/v1`, handler; those of rollouts among them."""
        one = "/artifacts/{name}"
        return (
            ("GET", "/artifacts", self.artifacts),
            ("GET", one, self.artifact),
            ("PUT", one, self.put_artifact),
            ("DELETE", one, self.delete_artifact),
            ("GET", f"{one}/shadow", self.shadow),
            *self._rollout.paths(),
        )

    async def artifacts(self) -> Response:
        """All of them, `default` first."""
        snapshot = await stored(self._ledger)
        names = [DEFAULT, *snapshot.artifacts]
        shown = await asyncio.gather(*(self._shown(name, snapshot) for name in names))
        return list_response(shown, has_more=False)

    async def artifact(self, name: str) -> Response:
        """One of them."""
        snapshot = await stored(self._ledger)
        _ref(name, snapshot)
        shown = await self._shown(name, snapshot)
        return json_response({"object": "artifact", **shown})

    async def put_artifact(self, request: Request, name: str) -> Response:
        """Register what lies at a location, as it is now; a Router loads it before."""
        location = checked_body(Registration, await admin_body(request)).location
        if not (is_remote(location) or location.startswith(("/", "file:///"))):
            message = "location: an absolute path or an address is needed."
            raise InvalidRequest(message, param="location", code="invalid_value")
        artifact = checked_body(StoredArtifact, {"name": name, "location": location})
        try:
            # Anew: another may have been registered from the same place before.
            ref = ArtifactRef(name, location)
            found = await self._gateway.describe(ref, anew=True)
        except InvalidRequest as error:
            error.param = "location"
            raise
        artifact = artifact.model_copy(update={"artifact_id": found.artifact_id})
        return changes_response(await self._ledger.put_artifact(artifact))

    async def delete_artifact(self, name: str) -> Response:
        """Forget one that is not in use; its files stay."""
        return changes_response(await self._ledger.delete_artifact(name))

    async def shadow(self, request: Request, name: str) -> Response:
        """What it decided as a shadow, from `start` to `end`; else of 30 days."""
        ref = _ref(name, await stored(self._ledger))
        shadow_id = ref.artifact_id
        if shadow_id is None:
            shadow_id = (await self._gateway.describe(ref)).artifact_id
        query = _query(request)
        rows = await self._ledger.shadows(query, shadow_id)
        answer = {
            "object": "shadow",
            "artifact": name,
            "artifact_id": shadow_id,
            "start": query.start.isoformat(),
            "end": query.end.isoformat(),
            "data": [shown_shadow(row) for row in rows],
        }
        return json_response(answer)

    async def _shown(self, name: str, snapshot: Snapshot) -> dict[str, Any]:
        found: Manifest | str
        try:
            async with asyncio.timeout(self._waits_s):
                found = await self._gateway.describe(_ref(name, snapshot))
        except TimeoutError:
            found = "It is not read yet: where it lies is slow, or hangs."
        except ServingError as error:
            found = error.message
        configured = self._gateway.directory.settings.tenants
        tenants = {tenant.id: tenant for tenant in (*configured, *snapshot.tenants)}
        pins = {id: tenant.artifact for id, tenant in tenants.items()}
        users = list(users_of(name, snapshot.rollouts, pins))
        return shown_artifact(name, snapshot.artifacts.get(name), found, users)


def _ref(name: str, snapshot: Snapshot) -> ArtifactRef:
    if name != DEFAULT and name not in snapshot.artifacts:
        raise NotFound(f"There is no artifact {name!r}.", code="not_found")
    return known_artifacts(snapshot).ref(name)


def _query(request: Request) -> UsageQuery:
    params = stated_params(request.query_params)
    check_params(params, _PARAMS)
    end = _moment(params.get("end"), "end") or datetime.now(UTC)
    start = _moment(params.get("start"), "start") or last_days(end, "UTC")
    if start >= end:
        message = "end: it must be later than start."
        raise InvalidRequest(message, param="end", code="invalid_value")
    return UsageQuery(start, end, tenant=params.get("tenant"))


def _moment(text: str | None, name: str) -> datetime | None:
    try:
        return None if text is None else moment(text, "UTC")
    except ValueError as error:
        message = f"{name}: {error}."
        raise InvalidRequest(message, param=name, code="invalid_value") from None
