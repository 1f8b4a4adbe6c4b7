"""Plays one script to one client, and commits the fault that was asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import orjson

from scripts.upstream.dialect import COMMENT, Dialect
from scripts.upstream.exchange import Exchange
from scripts.upstream.faults import STATUSES, Fault, Phase
from scripts.upstream.ledger import Entry, Outcome
from scripts.upstream.misbehaviour import (
    ERROR_ANSWER,
    JSON,
    SSE,
    Unfinished,
    commit,
    drip,
    refuse,
    whole_page,
)
from scripts.upstream.script import Script

Send = Callable[[bytes], Awaitable[None]]

_COMMENT_S = 5.0  # between two comments while the first token is awaited
_ENDLESS_PER_S = 20.0
_WITH_200 = {"comments", "malformed-json", "error-chunk", "announced-error"}


class Player:
    """One answer; the ledger's entry follows what has been produced.

    What costs nothing is what OpenRouter insures: answers without a token, and those
    whose finish reason is `error`.
    """

    def __init__(
        self, exchange: Exchange, dialect: Dialect, script: Script, entry: Entry
    ) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._script = script
        self._entry = entry

    async def play(self, fault: Fault | None, *, streamed: bool) -> None:
        """To the end, or to the fault; the entry is closed in any case.

        A whole answer is produced and charged even if nobody waits for it any more,
        as OpenRouter has it; of a stream only what was produced until then.
        """
        entry = self._entry
        try:
            await (self._stream(fault) if streamed else self._whole(fault))
        except asyncio.CancelledError:
            produced = entry.completion_tokens
            if not streamed and fault is None:
                produced = self._script.completion_tokens
            self._settle("client_left", produced)
            raise
        except Unfinished:
            self._settle("failed", entry.completion_tokens)
        else:
            self._settle("answered", entry.completion_tokens)

    def _settle(self, outcome: Outcome, produced: int) -> None:
        entry = self._entry
        entry.completion_tokens = produced
        free = not produced or entry.finish_reason == "error"
        charge = 0.0 if free else self._script.charge_usd(produced)
        entry.close(outcome, charge)

    async def _whole(self, fault: Fault | None) -> None:
        script, exchange = self._script, self._exchange
        await self._fail_early(fault)
        settings = script.settings
        await asyncio.sleep(
            settings.first_token_s + len(script.tokens) / settings.tokens_per_s
        )
        self._entry.completion_tokens = script.completion_tokens
        name = fault.name if fault else None
        failed = name == "error-chunk"
        self._entry.finish_reason = "error" if failed else script.finish_reason
        body = orjson.dumps(self._dialect.whole(script, usage=name != "no-usage"))
        await self._start({**JSON, "content-length": str(len(body))})
        if fault and name == "drip":
            await drip(exchange, body)
        elif fault and fault.phase is Phase.AFTER and not fault.charged_as_answered:
            await commit(exchange, fault, body=body)
        else:
            if name == "goaway":
                exchange.go_away(abrupt=False)
            await exchange.send(body)
        await exchange.finish()

    async def _stream(self, fault: Fault | None) -> None:
        script, exchange, dialect = self._script, self._exchange, self._dialect
        await self._fail_early(fault)
        await self._start(SSE)
        await exchange.send(COMMENT)
        await self._first_token()
        name = fault.name if fault else None
        send = partial(drip, exchange) if name == "drip" else exchange.send
        for piece in dialect.head(script):
            await send(piece.data)
        await self._tokens(
            fault if fault and fault.phase is Phase.AFTER else None, send
        )
        states = script.states_usage and name != "no-usage"
        for piece in dialect.tail(script, usage=states, done=name != "no-done"):
            await send(piece.data)
        self._entry.finish_reason = script.finish_reason
        await exchange.finish()

    async def _tokens(self, fault: Fault | None, send: Send) -> None:
        script = self._script
        began, rate = time.monotonic(), script.settings.tokens_per_s
        tokens: Iterable[str] = script.tokens
        # A fault asked for strikes, even in an answer that is shorter.
        strikes_at = min(fault.tokens, len(script.tokens) - 1) if fault else None
        if fault and fault.name == "endless":
            tokens, rate = script.endless(), min(rate, _ENDLESS_PER_S)
        for number, text in enumerate(tokens):
            if fault and number == strikes_at:
                await self._fail_late(fault)
            ahead = began + number / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            for piece in self._dialect.token(script, text):
                await send(piece.data)
                self._entry.completion_tokens += piece.tokens

    async def _fail_late(self, fault: Fault) -> None:
        if fault.name == "goaway":
            self._exchange.go_away(abrupt=False)
        elif not fault.charged_as_answered and fault.name != "endless":
            if fault.name == "error-chunk":
                self._entry.finish_reason = "error"
            error = self._dialect.error(self._script)
            await commit(self._exchange, fault, error=error)

    async def _fail_early(self, fault: Fault | None) -> None:
        """Faults before the first byte of the answer; they end it."""
        if fault is None or fault.phase is Phase.AFTER or fault.charged_as_answered:
            if fault and fault.name == "goaway" and fault.phase is Phase.BEFORE:
                self._exchange.go_away(abrupt=False)
            return
        entry = self._entry
        if fault.name in STATUSES:
            entry.status = await refuse(self._exchange, fault.name)
            raise Unfinished
        await asyncio.sleep(self._script.settings.first_token_s)
        if fault.name in {"wrong-type", "empty"}:
            entry.status = 200
            await whole_page(self._exchange, fault.name, streamed=entry.streamed)
            raise Unfinished
        if fault.name in _WITH_200:
            await self._start(SSE if entry.streamed else JSON)
        if fault.name == "announced-error":
            for piece in self._dialect.head(self._script):
                await self._exchange.send(piece.data)
        error = self._dialect.error(self._script) if entry.streamed else ERROR_ANSWER
        await commit(self._exchange, fault, error=error)

    async def _first_token(self) -> None:
        """Comments keep the connection alive until then."""
        left = self._script.settings.first_token_s
        while left > 0:
            await asyncio.sleep(min(left, _COMMENT_S))
            left -= _COMMENT_S
            if left > 0:
                await self._exchange.send(COMMENT)

    async def _start(self, headers: dict[str, str]) -> None:
        self._entry.status = 200
        self._entry.named = not self._exchange.gone_away
        named = {**headers, "x-generation-id": self._script.id}
        await self._exchange.start(200, named)
