"""What a client is told when no model is left to be tried."""

from collections.abc import Sequence

from deployments.errors import Overloaded, RateLimited, ServingError
from serve_app.answering.failure import BREAKER_OPEN


def last_word(
    told: ServingError | None, shut_s: Sequence[float]
) -> ServingError | None:
    """None: the budget is why. `told`: by the models that were tried; `shut_s`: how
    long those stay shut that were passed over, as they have failed too often lately.

    That one model cannot hold the prompt is not the last word where another that can
    was only busy, or is left alone for a while: who is told so would not ask again.
    """
    if not shut_s or (told is not None and told.passes):
        return told
    what = "All models that may answer have failed too often lately."
    if told is not None:
        what = "The models that may take this request have failed too often lately."
    return Overloaded(what, code=BREAKER_OPEN, retry_after_s=min(shut_s))


def over_budget() -> ServingError:
    """Who knows how much is left tells the client (`Admission.over_budget`)."""
    what = "The budget covers none of the models that may answer."
    return RateLimited(what, code="insufficient_quota")
