"""Artifacts and rollouts in the state, and what a step makes of them. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from deployments.rollout import (
    DEFAULT,
    GATEWAY,
    MOST_ARTIFACTS,
    Activate,
    Portion,
    Previous,
    RollBack,
    SetCanary,
    Step,
    StoredArtifact,
    StoredRollout,
    users_of,
)
from deployments.store.errors import Missing, Refused
from deployments.store.state import State, StoredTenant, check_artifact

_NONE = StoredRollout()


def with_artifact(state: State, artifact: StoredArtifact) -> State:
    """With it under its name; Refused if that is taken by another that is in use.

    Nothing goes back to another of that name: it is not what was active before.
    """
    name, old = artifact.name, state.artifacts.get(artifact.name)
    if name == DEFAULT:
        what = f"name: {DEFAULT!r} is what the configuration's artifact is called"
        raise Refused(what, field="name")
    if old is not None and old.declared:
        raise Refused(f"name: the configuration declares {name!r}", field="name")
    if old is not None and old.artifact_id != artifact.artifact_id:
        _refuse_if_used(state, name, "register under another name")
        state = _forgotten(state, name)
    if old is None and len(state.artifacts) >= MOST_ARTIFACTS:
        raise Refused(f"there are {MOST_ARTIFACTS} artifacts already: remove one")
    return replace(state, artifacts={**state.artifacts, name: artifact})


def without_artifact(state: State, name: str) -> State:
    """Without it; Refused while it is in use. Nothing goes back to it any more."""
    if name not in state.artifacts:
        raise Missing(f"there is no artifact {name!r}")
    if state.artifacts[name].declared:
        what = f"the configuration declares {name!r}: remove it there"
        raise Refused(what, field="name")
    _refuse_if_used(state, name, "that must end first")
    others = {other: a for other, a in state.artifacts.items() if other != name}
    return replace(_forgotten(state, name), artifacts=others)


def with_declared(state: State, locations: Mapping[str, str]) -> State:
    """As the configuration declares them. Of those that it no longer does, one that is
    in use stays, as if it had been registered."""
    kept: dict[str, StoredArtifact] = {}
    for name, artifact in state.artifacts.items():
        if not artifact.declared or _users(state, name):
            kept[name] = artifact.model_copy(update={"declared": False})
    declared = {
        name: StoredArtifact(name=name, location=location, declared=True)
        for name, location in locations.items()
    }
    return replace(state, artifacts={**kept, **declared})


def rolled(state: State, scope: str, step: Step) -> State:
    """After a step of the gateway's rollout, or of a tenant's."""
    if scope != GATEWAY:
        state.tenant(scope)
    match step:
        case Activate(artifact):
            return _activated(state, scope, artifact)
        case RollBack():
            previous = state.rollouts.get(scope, _NONE).previous
            if previous is None:
                raise Refused("there is nothing to roll back to")
            return _activated(state, scope, previous.artifact)
        case SetCanary(portion):
            return _portioned(state, scope, "canary", portion)
        case _:
            return _portioned(state, scope, "shadow", step.portion)


def remembered(before: State, after: State) -> State:
    """With what was active before, wherever it has changed; without the rollouts of
    tenants that are gone."""
    rollouts = {
        scope: rollout
        for scope, rollout in after.rollouts.items()
        if scope == GATEWAY or scope in after.tenants
    }
    for scope in _changed(before, after):
        old, new = _active(before, scope), _active(after, scope)
        if old != new:
            rollout = rollouts.get(scope, _NONE)
            previous = Previous(artifact=old)
            rollouts[scope] = rollout.model_copy(update={"previous": previous})
    return replace(after, rollouts=rollouts)


def _changed(before: State, after: State) -> list[str]:
    """The scopes that were there before, and may have another artifact now."""
    old: Mapping[str, StoredTenant] = before.tenants
    tenants = [id for id, new in after.tenants.items() if old.get(id, new) is not new]
    return [GATEWAY, *tenants]


def _active(state: State, scope: str) -> str | None:
    if scope == GATEWAY:
        return state.rollouts.get(GATEWAY, _NONE).active
    return state.tenants[scope].config.artifact


def _activated(state: State, scope: str, artifact: str | None) -> State:
    """It decides; a canary or a shadow of the same has become what is active."""
    check_artifact(state, artifact)
    if scope == GATEWAY:
        active = None if artifact == DEFAULT else artifact
        state = _put(state, scope, {"active": active})
    else:
        tenant = state.tenant(scope)
        config = tenant.config.model_copy(update={"artifact": artifact})
        state = state.replaced(StoredTenant(config, tenant.origins))
    rollout = state.rollouts.get(scope, _NONE)
    over = {
        kind: None
        for kind, portion in (("canary", rollout.canary), ("shadow", rollout.shadow))
        if portion is not None and portion.artifact == (artifact or DEFAULT)
    }
    return _put(state, scope, over) if over else state


def _portioned(state: State, scope: str, kind: str, portion: Portion | None) -> State:
    if portion is not None:
        check_artifact(state, portion.artifact)
        active = _active(state, scope) or _active(state, GATEWAY) or DEFAULT
        if portion.artifact == active:
            what = f"artifact: {active!r} is the active one already"
            raise Refused(what, field="artifact")
    return _put(state, scope, {kind: portion})


def _put(state: State, scope: str, fields: Mapping[str, object]) -> State:
    before = state.rollouts.get(scope, _NONE)
    rollout = before.model_copy(update=fields)
    if rollout == before:  # what was not there has not begun by being ended
        return state
    return replace(state, rollouts={**state.rollouts, scope: rollout})


def _forgotten(state: State, name: str) -> State:
    """No rollback leads to it any more."""
    gone = Previous(artifact=name)
    rollouts = {
        scope: rollout.model_copy(update={"previous": None})
        if rollout.previous == gone
        else rollout
        for scope, rollout in state.rollouts.items()
    }
    return replace(state, rollouts=rollouts)


def _users(state: State, name: str) -> list[str]:
    pins = {id: tenant.config.artifact for id, tenant in state.tenants.items()}
    return list(users_of(name, state.rollouts, pins))


def _refuse_if_used(state: State, name: str, otherwise: str) -> None:
    if users := _users(state, name):
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        listed = f"{', '.join(users[:3])}{more}"
        what = f"the artifact {name!r} is in use by {listed}: {otherwise}"
        raise Refused(what, field="name")
