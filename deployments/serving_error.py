"""What every error that a client sees is: its words, and how it crosses processes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployments.protocol.backend import Settlement

# What a client has sent stands in some messages: a model's name of a megabyte need not
# be sent back.
_MOST_SAID = 2000


class ServingError(Exception):
    """Something that a client is told; subclasses fix status, type and code."""

    status = 500
    error_type = "server_error"
    code: str | None = None
    retryable = False  # whether another model may succeed where this one did not
    passes = False  # whether the same model may succeed a moment later

    def __init__(  # noqa: PLR0913  (what a client may be told)
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        model: str | None = None,
        error_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.error_type = error_type or type(self).error_type
        self.retry_after_s = retry_after_s
        self.model = model
        # Of the upstream's answer that failed: it may have been charged all the same.
        self.generation_id: str | None = None
        # What the upstream said of it before it failed, if it was asked at all.
        self.settlement: Settlement | None = None
        # What else an HTTP answer with it says in its head.
        self.headers: dict[str, str] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))

    def body(self) -> dict[str, dict[str, str | None]]:
        """OpenAI's error envelope."""
        rest = "…" if len(self.message) > _MOST_SAID else ""
        return {
            "error": {
                "message": self.message[:_MOST_SAID] + rest,
                "type": self.error_type,
                "param": self.param,
                "code": self.code,
            }
        }


def _rebuild(
    kind: type[ServingError], message: str, state: dict[str, Any]
) -> ServingError:
    error = kind(message)
    error.__dict__.update(state)
    return error
