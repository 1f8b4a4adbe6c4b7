"""Which limits a request of a key draws on, and how much of each."""

from collections.abc import Iterator, Mapping

from deployments.limits.ledger_protocol import Kind, Resource
from serve_app.access.request_size import AnswerSize, PromptSize
from serve_app.access.tenants import Tenant


def limits_of(tenant: Tenant) -> Iterator[dict[Resource, float]]:
    """The allowances that a request of this key draws on, and how large they are: the
    key's own, then those that all keys of its tenant share."""
    of_key, of_all = (tenant.key, tenant.key_id), (tenant.config, None)
    for limits, key_id in (of_key, of_all):
        sizes: dict[Kind, int | None] = {
            "rpm": limits.rpm_limit,
            "tpm": limits.tpm_limit,
            "parallel": limits.max_parallel_requests,
        }
        yield {
            Resource(kind, tenant.id, key_id): float(size)
            for kind, size in sizes.items()
            if size is not None
        }


def wants(
    limits: Mapping[Resource, float], prompt: PromptSize, answer: AnswerSize
) -> dict[Resource, float]:
    """How much a request draws of each; of what it draws nothing of, no slice is asked
    for."""
    kinds = {resource.kind for resource in limits}
    tokens = float(prompt.tokens + answer.tokens(0)) if "tpm" in kinds else 0.0
    amounts = {
        resource: tokens if resource.kind == "tpm" else 1.0 for resource in limits
    }
    return {resource: amount for resource, amount in amounts.items() if amount}
