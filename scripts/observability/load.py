"""A short load in which everything happens that is told: answers, faults, refusals."""

from collections import Counter
from typing import Any

import httpx

from scripts.observability.graph import BROKEN, DEAR, SLOW, SOUND, UNKNOWN, key_of

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CLIENT_SPAN = "b7ad6b7169203331"
SECRET = "How many apples has Zaphod Beeblebrox if he buys 17 and eats 5?"

_QUESTIONS = (
    "Natalia sold clips to 48 friends in April and half as many in May. How many?",
    "def f(s): return s[::-1].upper()\nassert f('abc') == ??",
    "What is the remainder when 7^100 is divided by 13?",
)
_STRANGE = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼"


class Load:
    """Asks one after the other; `statuses` as the client saw them."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)
        self.statuses: Counter[int] = Counter()
        self.left = 0  # streams that the client did not read to their end

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def asked(self) -> int:
        """Requests for an answer."""
        return self.statuses.total()

    def wave(self, number: int) -> None:
        """Everything once or a few times; another `number` brings other texts."""
        for question in _QUESTIONS:
            text = f"{question} ({number})"
            self._ask(text)
            self._ask(text)  # its vector is in the cache now
            self._ask(text, stream=True)
        self._ask(_STRANGE + str(number))
        self._ask(_QUESTIONS[0], path="/tiers/economy/v1/chat/completions")
        self._ask(_QUESTIONS[1], model="auto:quality")
        self._ask(_QUESTIONS[2], model=DEAR, tenant="proud")
        self._fail(number)
        self._refused()
        self._leave()

    def traced(self) -> None:
        """One request that goes on with a trace of the client's."""
        headers = {"traceparent": f"00-{TRACE_ID}-{CLIENT_SPAN}-01"}
        self._ask(SECRET, headers=headers)

    def _fail(self, number: int) -> None:
        self._ask(f"fail {number}", model=BROKEN)
        cheapest_first: dict[str, Any] = {"alpha": 0.0, "models": [BROKEN, SOUND]}
        self._ask(_QUESTIONS[0], routing=cheapest_first)
        self._ask(_QUESTIONS[0], routing={"models": [UNKNOWN]})

    def _refused(self) -> None:
        self._ask("over budget", tenant="poor")
        self._ask("no such model", model="no-such-model")
        self._ask("who asks?", tenant="nobody")

    def _leave(self) -> None:
        """A stream that its client leaves after the first bytes."""
        body = _body("a long story", {"model": SLOW, "stream": True})
        headers = {"authorization": f"Bearer {key_of('acme')}"}
        with self._client.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as response:
            next(response.iter_bytes())
            self.statuses[response.status_code] += 1
            self.left += 1

    def _ask(
        self,
        text: str,
        *,
        tenant: str = "acme",
        path: str = "/v1/chat/completions",
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> None:
        told = {"authorization": f"Bearer {key_of(tenant)}", **(headers or {})}
        response = self._client.post(path, json=_body(text, fields), headers=told)
        self.statuses[response.status_code] += 1


def _body(text: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 64, **fields}
