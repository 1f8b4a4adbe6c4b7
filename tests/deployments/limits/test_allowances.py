"""Allowances are never handed out twice, whatever replicas do."""

import random

import pytest

from deployments.limits.allowances import WINDOW_S, Pool, RatePool, Slice, tick_of


def test_a_slice_is_at_least_what_is_needed_and_at_most_what_is_there():
    pool = Pool(capacity=1.0)

    assert pool.lease("a", 0.9) == 0.9
    assert pool.lease("b", 0.2) == 0.0
    assert pool.lease("b", 0.1) == pytest.approx(0.1)
    assert pool.available == pytest.approx(0)


def test_small_needs_are_leased_in_slices():
    pool = Pool(capacity=80.0)

    assert pool.lease("a", 0.01) == 10.0
    assert pool.lease("b", 0.01) == pytest.approx(70 / 8)
    left = pool.available
    assert pool.lease("c", 0.01) == pytest.approx(left / 8 / 2)


def test_what_a_request_did_not_use_is_free_again_and_what_it_overdrew_is_owed():
    part = Slice(free=1.0)
    assert part.reserve(0.6, now=0)
    assert not part.reserve(0.6, now=0)

    part.settle(0.6, used=0.1)
    assert part.free == pytest.approx(0.9)
    assert part.reserve(0.9, now=0)
    part.settle(0.9, used=1.1)
    assert part.free == pytest.approx(-0.2)


def test_what_is_idle_is_given_back_but_not_what_is_reserved():
    part = Slice(free=1.0)
    part.reserve(0.4, now=10)

    assert part.idle(now=11, idle_s=2) == 0.0
    assert part.idle(now=12, idle_s=2) == pytest.approx(0.6)
    assert part.free == 0.0
    assert part.reserved == pytest.approx(0.4)


def test_a_dead_replica_s_lease_counts_as_used_until_its_records_are_found():
    pool = Pool(capacity=1.0)
    pool.lease("dead", 0.8)
    assert pool.lease("b", 0.5) == 0.0

    pool.consume("dead", 0.3)
    pool.forget("dead")

    assert pool.lease("b", 0.5) >= 0.5
    assert pool.consumed == 0.3


class World:
    """Replicas that reserve, settle, report late, give back and die, in any order."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.pool = Pool(capacity=100.0)
        self.slices = {f"r{number}": Slice() for number in range(4)}
        self.flying: list[tuple[str, float]] = []
        self.unreported: list[tuple[str, float]] = []
        self.spent = self.beyond = 0.0
        self.now = 0

    def step(self) -> None:
        self.now += 1
        name = self.draw.choice(list(self.slices))
        steps = (self.reserve, self.settle, self.report, self.give_back, self.die)
        self.draw.choices(steps, weights=(50, 40, 5, 3, 2))[0](name)

    def reserve(self, name: str) -> None:
        part, worst = self.slices[name], self.draw.uniform(0.01, 3.0)
        if part.free < worst:
            part.add(self.pool.lease(name, worst - part.free))
        if part.reserve(worst, self.now):
            self.flying.append((name, worst))

    def settle(self, _: str) -> None:
        if not self.flying:
            return
        owner, worst = self.flying.pop(self.draw.randrange(len(self.flying)))
        used = worst * self.draw.choice([0.0, 0.2, 1.0, 1.0, 1.1])
        self.spent += used
        self.beyond += max(0.0, used - worst)
        self.unreported.append((owner, used))
        if owner in self.slices:
            self.slices[owner].settle(worst, used)

    def report(self, _: str) -> None:
        if self.unreported:
            place = self.draw.randrange(len(self.unreported))
            self.pool.consume(*self.unreported.pop(place))

    def give_back(self, name: str) -> None:
        self.pool.give_back(name, self.slices[name].idle(self.now, idle_s=50))

    def die(self, name: str) -> None:
        """What it had in flight may still be charged."""
        if len(self.slices) > 1:
            del self.slices[name]
            self.slices[f"r{self.now + 10}"] = Slice()


@pytest.mark.parametrize("seed", range(30))
def test_spend_exceeds_the_capacity_only_by_what_was_used_beyond_reservations(seed):
    world = World(seed)
    for _ in range(3000):
        world.step()
        assert world.spent <= world.pool.capacity + world.beyond + 1e-6
    while world.unreported:
        world.report("")

    assert world.pool.consumed == pytest.approx(world.spent)
    assert world.spent > 50, "the budget must be usable, too"


@pytest.mark.parametrize("rate", [11, 30, 97])
def test_in_any_minute_as_much_is_used_as_the_limit_and_no_more(rate):
    pool, used = RatePool(capacity=600), []
    for number in range(4 * WINDOW_S * rate):
        now = 1000.7 + number / rate
        used += [now] * int(pool.take(1.0, now))

    counted = [
        sum(start <= at < start + WINDOW_S for at in used)
        for start in range(1001, 1180)
    ]
    assert max(counted) <= 600
    assert min(counted) >= 0.98 * 600


def test_a_slice_counts_as_used_at_its_end_until_it_is_told_when():
    pool = RatePool(capacity=10)
    assert pool.lease(10, 100.0, 1) == 10
    assert not pool.take(1, 160.9)
    assert pool.take(1, 161.0)
    used = RatePool(capacity=10)
    used.lease(10, 100.0, 1)
    used.give_back(tick_of(101.0), 10)
    used.give_back(tick_of(100.2), -10)

    assert not used.take(1, 160.1)
    assert used.take(1, 160.25)


def test_what_is_given_back_can_be_had_again():
    pool = RatePool(capacity=10)
    assert pool.lease(10, 100.0, 1) == 10
    assert pool.lease(1, 101.0, 1) == 0
    assert pool.more_at(1, 101.0) == 161

    pool.give_back(tick_of(101.0), 4)
    assert pool.lease(4, 101.0, 1) == 4
    assert pool.lease(6, 160.9, 1) == 0
    assert pool.lease(6, 161.0, 1) == 6
