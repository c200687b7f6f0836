"""What becomes of exchanges: decided for a whole batch, in order, changing nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.cards.domain.errors import CardsError
from services.cards.domain.exchanges.errors import ExchangeEnded, ExchangeUnknown, NotFriends
from services.cards.domain.exchanges.events import ExchangesEnded
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_text
from services.cards.domain.exchanges.machine import (
    GIVES_CARD,
    GOAL,
    WAITING,
    ExchangeAction,
    ExchangeKind,
    ExchangeState,
    after,
    is_for_giver,
    suits,
)
from services.cards.domain.exchanges.opening import Pair, check_held
from services.cards.domain.exchanges.table import GIVER_HERE, Exchange
from services.cards.domain.game import ShardGame
from services.cards.domain.vocabulary import Card, PersonId

Named = tuple[PersonId, ExchangeKey]
"""Who acts, and on which exchange."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The answer to a batch of actions, and the event that makes it true."""

    results: Sequence[Exchange | CardsError]
    event: ExchangesEnded | None
    """None when nothing ends by it."""


def decide_ending(
    game: ShardGame,
    action: ExchangeAction,
    items: Sequence[Named],
    now_ms: int,
    friends: Mapping[Pair, bool],
) -> Ending:
    """Ends what can end. What is found to have expired, or to be between people who have parted, ends so.

    `friends` says of each pair whether they are, at least of those that `pairs_to_part` has named.
    """
    batch = _Batch(game, action, now_ms, friends)
    results = [batch.result(person_id, key) for person_id, key in items]
    return Ending(results, _ended(game, batch.ends, now_ms))


def pairs_to_part(
    game: ShardGame, action: ExchangeAction, items: Sequence[Named], now_ms: int
) -> Sequence[Pair]:
    """Givers and receivers between whom a card could go, who must be friends for that."""
    if GOAL[action] not in GIVES_CARD:
        return []
    table = game.exchanges.table
    rows = (table.row_of(key) for _, key in items)
    pairs = {
        (PersonId(table.giver_ids[row]), PersonId(table.receiver_ids[row])): None
        for row in rows
        if row is not None and table.waits(row, now_ms)
    }
    return list(pairs)


def decide_expiry(game: ShardGame, now_ms: int, limit: int) -> ExchangesEnded | None:
    """Ends at most so many exchanges that nobody answered in time; None when there are none.

    At the game's deadline all that still wait have expired: nothing outlives it.
    """
    rows = game.exchanges.table.due(now_ms, limit)
    return _ended(game, dict.fromkeys(rows, ExchangeState.EXPIRED), now_ms)


def decide_parting(game: ShardGame, person_id: PersonId, now_ms: int, limit: int) -> ExchangesEnded | None:
    """Ends at most so many exchanges of a person of this shard who turned out to be somebody else.

    Only those that this shard decides about; None when none of them waits.
    """
    table = game.exchanges.table
    waiting = (
        row
        for row in table.rows_of(person_id)
        if table.sides[row] & GIVER_HERE and ExchangeState(table.states[row]) in WAITING
    )
    rows = dict.fromkeys(itertools.islice(waiting, limit), ExchangeState.BROKEN)
    return _ended(game, rows, now_ms)


def _ended(game: ShardGame, ends: Mapping[int, ExchangeState], now_ms: int) -> ExchangesEnded | None:
    """The event that ends rows, None for none."""
    if not ends:
        return None
    exchanges = [game.exchanges.table.exchange(row) for row in ends]
    return ExchangesEnded(
        campaign_id=game.prepared.campaign_id,
        ended_at_ms=now_ms,
        kinds=[exchange.kind.value for exchange in exchanges],
        giver_ids=[exchange.giver_id for exchange in exchanges],
        receiver_ids=[exchange.receiver_id for exchange in exchanges],
        cards=[exchange.card.value for exchange in exchanges],
        request_ids=b"".join(exchange.request_id for exchange in exchanges),
        states=[state.value for state in ends.values()],
        receiver_shards=[game.exchanges.table.receiver_shards[row] for row in ends],
    )


class _Batch:
    """One batch on its way through: what it ends counts for what follows in it."""

    def __init__(
        self, game: ShardGame, action: ExchangeAction, now_ms: int, friends: Mapping[Pair, bool]
    ) -> None:
        self.ends: dict[int, ExchangeState] = {}
        """New ends by row."""
        self._game, self._action, self._now_ms, self._friends = game, action, now_ms, friends
        self._taken: Counter[tuple[PersonId, Card]] = Counter()

    def result(self, person_id: PersonId, key: ExchangeKey) -> Exchange | CardsError:
        campaign_id, table = self._game.prepared.campaign_id, self._game.exchanges.table
        row = table.row_of(key)
        if row is None or not table.sides[row] & GIVER_HERE:
            return ExchangeUnknown(campaign_id, exchange_text(key))
        known = table.exchange(row)
        state = self.ends.get(row, known.state)
        actor_id = known.giver_id if is_for_giver(self._action) else known.receiver_id
        if actor_id != person_id or not suits(self._action, known.kind):
            return ExchangeUnknown(campaign_id, exchange_text(key))
        if state in WAITING:
            try:
                state = self.ends[row] = self._end(known, state)
            except CardsError as error:
                return error
        if state is GOAL[self._action]:
            return known if state is known.state else _ended_one(known, state, self._now_ms)
        if state is ExchangeState.BROKEN and GOAL[self._action] in GIVES_CARD:
            return NotFriends(known.giver_id, known.receiver_id)
        return ExchangeEnded(campaign_id, exchange_text(key), state.name)

    def _end(self, known: Exchange, state: ExchangeState) -> ExchangeState:
        """The state after the action. Raises `CardNotHeld`, and nothing ends."""
        if self._now_ms >= known.expires_at_ms:
            return after(state, ExchangeAction.EXPIRE)
        if GOAL[self._action] in GIVES_CARD:
            if not self._friends.get((known.giver_id, known.receiver_id), False):
                return after(state, ExchangeAction.BREAK)
            if known.kind is ExchangeKind.ASK:
                check_held(self._game, known.giver_id, known.card, self._taken)
                self._taken[known.giver_id, known.card] += 1
        return after(state, self._action)


def _ended_one(known: Exchange, state: ExchangeState, ended_at_ms: int) -> Exchange:
    """What `dataclasses.replace` would give, at a third of its time."""
    return Exchange(
        kind=known.kind,
        state=state,
        giver_id=known.giver_id,
        receiver_id=known.receiver_id,
        card=known.card,
        request_id=known.request_id,
        opened_at_ms=known.opened_at_ms,
        expires_at_ms=known.expires_at_ms,
        ended_at_ms=ended_at_ms,
    )
