"""The requests of a load, ready to send."""

import orjson

from scripts.overhead.wire import Load, mark, messages, tenant_key


class Questions:
    """Those of a bounded set of texts are made once."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._asked = 0
        head = f"POST {load.path} HTTP/1.1\r\nhost: 127.0.0.1:{load.port}\r\n"
        rows = {"content-type": "application/json", **load.headers}
        lines = (f"{name}: {value}\r\n" for name, value in rows.items())
        self._head = (head + "".join(lines)).encode()
        self._ready = [self._rest(number) for number in range(load.texts)]

    def next(self) -> tuple[bytes, bytes]:
        """A request, and the mark of its answer."""
        number = self._asked
        self._asked += 1
        head = self._head
        if tenants := self._load.tenants:
            head += b"authorization: Bearer %s\r\n" % tenant_key(number % tenants)
        if self._ready:
            number %= len(self._ready)
            return head + self._ready[number], mark(number)
        return head + self._rest(number), mark(number)

    def _rest(self, number: int) -> bytes:
        load = self._load
        body = orjson.dumps(
            {
                "model": load.model,
                "messages": messages(number, seed=load.seed, words=load.words),
                "stream": load.stream,
                "max_tokens": 256,
            }
        )
        return b"content-length: %d\r\n\r\n%s" % (len(body), body)
