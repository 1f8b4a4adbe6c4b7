"""Requests that are read and that no model answers: embeddings, and decisions alone.

They cost nothing and draw on no budget, but on the rates and places of their key and
tenant like all others: the Embedder is everybody's.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deployments.errors import ServingError
from deployments.protocol.backend import Settlement, Usage
from serve_app.access.admission import Admission
from serve_app.access.measuring import LONG_BYTES, measured
from serve_app.access.request_size import AnswerSize, PromptSize
from serve_app.access.tenants import Tenant

_NO_ANSWER = AnswerSize(0, None)


@dataclass(slots=True)
class Reading:
    """One request while it is read; `tokens`: how many it had, once that is known."""

    headers: Mapping[str, str]
    tokens: int | None = None


@asynccontextmanager
async def reading(
    admission: Admission, tenant: Tenant, prompt: PromptSize, *, configured: bool
) -> AsyncIterator[Reading]:
    """RateLimited if it is not let in; what it did not use is free when it ends.

    `configured`: see `Admission.admit`.
    """
    limited = tenant.config.tpm_limit or tenant.key.tpm_limit
    if limited and prompt.bound > LONG_BYTES:
        await measured(lambda: prompt.tokens)
    ticket = await admission.admit(tenant, prompt, _NO_ANSWER, configured=configured)
    # Of a client that leaves as much was read as was reserved.
    settlement: Settlement | None = Settlement(None, 0.0, "unknown")
    try:
        found = Reading(ticket.headers)
        yield found
        if (tokens := found.tokens) is not None:
            settlement = Settlement(Usage(tokens, 0, tokens), 0.0, "unknown")
    except ServingError:
        settlement = None
        raise
    finally:
        admission.leave(ticket, settlement)
