"""The run of `bench cards`: its games one after the other, and what the journals say in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from services.cli.bench.cards_close import (
    FIRST_KEYS,
    SPARE_PEOPLE,
    ClosingResult,
    Collectors,
    close,
    deal_sets,
)
from services.cli.bench.cards_crash import CrashResult, run_crashes
from services.cli.bench.cards_gifts import GiftResult, run_gifts
from services.cli.bench.cards_journals import Compared, compare, count_journals, journal_bytes
from services.cli.bench.cards_load import SOURCES, Told, batches_of, send_deals
from services.cli.bench.cards_mesh import POOL_FEN, CardsMesh, GamePlan, cards_mesh
from services.cli.bench.claim_load import People, people_of_shards
from services.cli.bench.claim_run import Progress, say
from services.cli.bench.workplace import Workplace

CARDS_A_SET = 11.7
"""Cards dealt for each set, about: of five equally likely kinds it takes 11.4 on average to have them all."""
_KINDS = 5
_LONG_S = 3_600.0
"""Longer than any run."""
_PACE = 2.0
"""How much slower than the first deals the evening may go before its deadline comes too early."""
_SETS_PER_S = 100_000.0
_START_S = 8.0
"""However fast the first deals were: an evening has twenty turns or so, which take time on a busy machine."""
_CRASH_KEYS = 4
_CRASH_PEOPLE = 10_000
"""On each shard; three of eight cards that they ask for are not there."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done."""

    sets: int
    gifts: int
    own_keys: int
    kills: int
    shards: int
    batch: int
    window: int

    def options(self) -> dict[str, int]:
        """As a report has them."""
        return asdict(self)

    @property
    def holders(self) -> int:
        """People of the evening."""
        return int(self.sets * (1 + SPARE_PEOPLE)) + _KINDS * self.shards


@dataclass(slots=True)
class CardsResult:
    """What a run found."""

    holders: int
    first: Told = field(default_factory=Told)
    """Five cards for everybody."""
    first_cpu_s: float = 0.0
    grown_bytes: int = 0
    """Resident memory that those took."""
    warm_up: Told = field(default_factory=Told)
    own_keys: Told = field(default_factory=Told)
    gifts: GiftResult | None = None
    rest: Told = field(default_factory=Told)
    """The cards after the first five."""
    closing: ClosingResult = field(default_factory=ClosingResult)
    crash: CrashResult = field(default_factory=CrashResult)
    recover_s: float = 0.0
    """Start of a fresh process with the evening in its journals, until it served all shards."""
    full_sync_journals: int = 0
    journal_bytes: int = 0
    snapshot_bytes: int = 0
    cards_dealt: int = 0
    """In all games, by the journals."""
    limit_exceeded: int = 0
    stranded: int = 0
    compared: dict[str, Compared] = field(default_factory=dict)

    @property
    def difference_fen(self) -> int:
        """0 when decision and settlement agree with each other and with the pool, to the fen."""
        books, decision = self.closing.books, self.closing.decision
        if books is None or decision is None:
            return POOL_FEN
        paid_fen: int = decision.share_fen * self.closing.sets
        return (
            abs(POOL_FEN - paid_fen - decision.remainder_fen)
            + abs(books.prizes_fen - paid_fen)
            + abs(books.remainder_fen - decision.remainder_fen)
            + abs(books.prizes - self.closing.sets)
        )


@dataclass(frozen=True, slots=True)
class _Games:
    """The four games of a run, and who plays them."""

    keys: GamePlan
    gifts: GamePlan
    crash: GamePlan
    keys_people: Sequence[People]
    gift_people: Sequence[People]
    crash_people: Sequence[People]


async def run_cards(place: Workplace, sizes: Sizes) -> CardsResult:
    """Plays all games, ends the processes in order, and counts what their journals say.

    Raises `ProcessFailed`, and `Refusal` when something stands still.
    """
    result = CardsResult(sizes.holders)
    games = _games(sizes)
    async with cards_mesh(place, sizes.shards) as mesh:
        result.full_sync_journals = int(await mesh.cards.metric("hongbao_journal_full_sync"))
        for plan in (games.keys, games.gifts, games.crash):
            await mesh.create(plan)
        if sizes.kills:
            say(f"supply runs out, and cards is killed {sizes.kills} times")
            result.crash = await run_crashes(
                mesh, games.crash, games.crash_people, _CRASH_KEYS, sizes.kills, sizes.window
            )
        say(f"dealing {sizes.own_keys:,} cards three times: with one key for a batch, and with a key each")
        # The first time, shards learn how large their decks should be.
        for key, told in enumerate((Told(), result.warm_up, result.own_keys)):
            has_own_keys = told is result.own_keys
            batches = batches_of(
                games.keys.campaign_id, games.keys_people, [key], sizes.batch, has_own_keys=has_own_keys
            )
            await send_deals(mesh.deal_call, batches, sizes.window, lambda _: None, told)
        if sizes.gifts:
            say(f"{sizes.gifts:,} gifts across {sizes.shards} shards")
            result.gifts = await run_gifts(mesh, games.gifts, games.gift_people, sizes.window)
        main = await _play_evening(mesh, sizes, result)
        if sizes.kills:
            say("killed once more; a fresh process recovers from the journals")
            mesh.cards.kill()
            await mesh.start_again()
            result.recover_s = mesh.cards.ready_s
        await place.stop(mesh.cards.child)
    say("counting what the journals have")
    _count(place, sizes, result, main, games)
    return result


async def _play_evening(mesh: CardsMesh, sizes: Sizes, result: CardsResult) -> GamePlan:
    """Deals, completes and closes the large game; its deadline is as early as the first deals allow."""
    people = people_of_shards(sizes.shards, _split(sizes.holders, sizes.shards))
    plan = _evening(sizes, result.warm_up.dealt / result.warm_up.took_s)
    resident_bytes = mesh.cards.resident_bytes
    deadline_ms = await mesh.create(plan)
    say(f"dealing {FIRST_KEYS} cards to {sizes.holders:,} people")
    batches = batches_of(plan.campaign_id, people, range(FIRST_KEYS), sizes.batch)
    cpu_s = mesh.cards.cpu_s
    progress = Progress(FIRST_KEYS * sizes.holders, "cards")
    await send_deals(mesh.deal_call, batches, sizes.window, progress.add, result.first)
    result.first_cpu_s = mesh.cards.cpu_s - cpu_s
    result.grown_bytes = mesh.cards.resident_bytes - resident_bytes
    say(f"  {result.first.dealt:,} in {result.first.took_s:.1f} s; and more until {sizes.sets:,} have a set")
    collectors = Collectors(people)
    collectors.add(result.first, 0)
    rest = Progress(int((CARDS_A_SET - FIRST_KEYS) * sizes.holders), "cards")
    await deal_sets(mesh, plan, collectors, sizes.sets, (sizes.batch, sizes.window), result.rest, rest.add)
    say(f"  {result.rest.dealt:,} more in {result.rest.took_s:.1f} s; completing {sizes.sets:,} sets")
    completers = collectors.completers(sizes.sets)
    result.closing = await close(mesh, plan, deadline_ms, completers, sizes.window)
    closing = result.closing
    say(f"  recorded in {closing.sets_s:.1f} s, paid {closing.settled_s:.1f} s after the deadline")
    return plan


def _evening(sizes: Sizes, dealt_per_s: float) -> GamePlan:
    deals = CARDS_A_SET * sizes.holders
    lasts_s = _START_S + _PACE * (deals / dealt_per_s + sizes.sets / _SETS_PER_S)
    enough = int(deals * 2 / _KINDS) + _KINDS * sizes.shards
    return GamePlan(
        "bench-evening", (enough,) * _KINDS, dict.fromkeys(SOURCES, enough * _KINDS), POOL_FEN, lasts_s
    )


def _games(sizes: Sizes) -> _Games:
    keys_people = people_of_shards(sizes.shards, _split(sizes.own_keys, sizes.shards))
    gift_people = people_of_shards(sizes.shards, [sizes.gifts // sizes.shards] * sizes.shards)
    crash_each = min(_CRASH_PEOPLE, max(100, sizes.sets // 40))
    crash_people = people_of_shards(sizes.shards, [crash_each] * sizes.shards)
    asked = crash_each * sizes.shards * _CRASH_KEYS
    plenty = _plenty("bench-keys", 3 * sizes.own_keys, sizes)
    # TAP meets its quota, and SHARE the end of the cards.
    rare = max(1, asked // 100)
    limits = (*((asked * 5 // 8 - rare) // 4,) * 4, rare)
    quotas: dict[int, int] = {SOURCES[0]: asked // 4, SOURCES[1]: asked}
    crash = GamePlan("bench-crash", limits, quotas, _KINDS, _LONG_S)
    return _Games(
        plenty, _plenty("bench-gifts", sizes.gifts, sizes), crash, keys_people, gift_people, crash_people
    )


def _plenty(campaign_id: str, deals: int, sizes: Sizes) -> GamePlan:
    """A game in which nothing runs out."""
    enough = deals + _KINDS * sizes.shards
    return GamePlan(campaign_id, (enough,) * _KINDS, dict.fromkeys(SOURCES, enough), _KINDS, _LONG_S)


def _split(count: int, parts: int) -> list[int]:
    return [count // parts + (part < count % parts) for part in range(parts)]


def _count(place: Workplace, sizes: Sizes, result: CardsResult, main: GamePlan, games: _Games) -> None:
    counted = count_journals(place.folder, sizes.shards)
    result.journal_bytes, result.snapshot_bytes = journal_bytes(place.folder, sizes.shards)
    result.cards_dealt = sum(int(game.issued.sum()) for game in counted.values())
    for plan in (main, games.keys, games.gifts, games.crash):
        if plan.campaign_id in counted:
            result.limit_exceeded += counted[plan.campaign_id].limit_exceeded(plan)
    evening = Told(deals=result.first.deals + result.rest.deals, cards=result.first.cards + result.rest.cards)
    result.compared["main"] = compare(counted[main.campaign_id], evening)
    if sizes.kills:
        crash = counted[games.crash.campaign_id]
        result.compared["crash"] = compare(crash, result.crash.told)
        result.stranded = sum(games.crash.limits) - int(crash.issued.sum())
