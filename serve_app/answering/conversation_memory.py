"""Which model holds a conversation in its provider's prompt cache.

Kept by each Gateway replica for itself, for as long as providers keep their caches.
Where a replica knows nothing of a conversation (another one served it so far), the
router finds the model that its first message was sent to: see `RequestTerms`.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from serve_app.answering.config import ConversationConfig


class ConversationMemory:
    """The model that answered last in each conversation, the least recent forgotten."""

    def __init__(
        self, config: ConversationConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._clock = clock
        self._models: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def model_of(self, key: str) -> str | None:
        """Who answered last, if his provider's cache still holds the prompt."""
        model, at = self._models.get(key, (None, 0.0))
        if model is None or self._clock() - at > self._config.cache_s:
            return None
        return model

    def answered(self, key: str, model: str) -> None:
        """`model` has just answered."""
        self._models[key] = model, self._clock()
        self._models.move_to_end(key)
        while len(self._models) > self._config.max_conversations:
            self._models.popitem(last=False)
