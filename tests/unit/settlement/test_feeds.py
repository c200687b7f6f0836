"""What feeds do to the books, and what they cannot make them do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import BALANCE_FEN_MAX, AccountCode
from services.settlement.domain.effects import checkpoint, next_effect, sources_of
from services.settlement.domain.errors import Contradiction, FundsInTransit
from tests.unit.settlement.world import CAMPAIGN, POOL, ROUND, World, persons, pool_decided


def funded(parts_fen: list[int], pool_fen: int = 0) -> World:
    """A world whose round and pool have their money where it is spent from."""
    world = World()
    world.deposit(sum(parts_fen) + pool_fen)
    world.hold_round(parts_fen)
    if pool_fen:
        world.hold_pool(pool_fen)
    world.deliver_all()
    return world


def test_packets_go_from_the_shards_escrow_to_the_winners_wallets() -> None:
    world = funded([100, 100])
    one, two = persons(1, 4, 2)
    world.packets_won(1, [one, two], [30, 12])
    world.deliver_all()
    assert world.balance_fen(f"wallet:{one}") == 30
    assert world.balance_fen(f"wallet:{two}") == 12
    assert world.balance_fen("escrow:spring.r01:1") == 58


def test_a_closed_stock_returns_its_rest_to_the_sponsor() -> None:
    world = funded([100, 100])
    world.packets_won(1, persons(1, 4, 1), [30])
    world.stock_closed(0, 0, 100)
    world.stock_closed(1, 30, 70)
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 170
    home = world.states[shard_of(7, 2)]
    assert home.registers.returned_fen == {ROUND: 170}
    assert world.books().campaigns[0].settled


def test_a_stock_that_was_won_to_the_last_fen_returns_nothing_and_is_closed() -> None:
    world = funded([30])
    world.packets_won(0, persons(0, 4, 1), [30])
    world.stock_closed(0, 30, 0)
    world.deliver_all()
    account = world.states[0].ledger.account("escrow:spring.r01:0")
    assert account is not None
    assert account.closed


@pytest.mark.parametrize("part", [0, 1])
def test_what_was_held_returns_also_to_a_sponsor_who_has_paid_in_all_that_may_be_since(part: int) -> None:
    """The two parts' escrows live on both shards: one return stays at home, the other travels."""
    world = World()
    parts_fen = [0, 0]
    parts_fen[part] = BALANCE_FEN_MAX
    world.deposit(BALANCE_FEN_MAX)
    world.hold_round(parts_fen)
    world.deposit(BALANCE_FEN_MAX, request_id="1" * 8 + "-0000-4000-8000-" + "0" * 12)
    world.stock_closed(part, 0, BALANCE_FEN_MAX)
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 2 * BALANCE_FEN_MAX
    assert world.books().difference_fen == 0


def test_packets_that_move_take_their_money_along_on_one_shard_and_between_two() -> None:
    world = funded([100, 100, 100, 100])
    world.packets_sent(0, 2, 30)
    world.packets_sent(0, 1, 20)
    world.packets_received(2, 0, 30)
    world.packets_received(1, 0, 20)
    world.packets_won(2, persons(2, 4, 1), [130])
    world.stock_closed(0, 0, 50)
    world.stock_closed(1, 0, 120)
    world.stock_closed(2, 130, 0)
    world.stock_closed(3, 0, 100)
    world.deliver_all()
    assert world.balance_fen(f"wallet:{persons(2, 4, 1)[0]}") == 130
    assert world.balance_fen("sponsor:7") == 270
    assert world.books().sound
    assert world.books().campaigns[0].settled
    assert not any(state.registers.leftovers for state in world.states)


def test_packets_won_wait_for_the_money_that_moves_with_another_feed() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.packets_received(1, 0, 40)
    world.packets_won(1, persons(1, 4, 2), [100, 40])
    world.stock_closed(1, 140, 0)
    assert world.deliver(1, "allocation/1") == 1
    world.deliver(0, "allocation/0")
    assert world.deliver(1, "allocation/1") == 0
    world.deliver(1, "settlement/0")
    assert world.deliver(1, "allocation/1") == 2


def test_a_part_is_not_closed_before_the_money_of_its_last_packets_has_come() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.packets_received(1, 0, 40)
    world.stock_closed(1, 0, 140)
    assert world.deliver(1, "allocation/1") == 1
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 140


def test_packets_that_were_never_sent_are_waited_for_and_others_are_a_contradiction() -> None:
    world = funded([100, 100])
    world.packets_received(1, 0, 1)
    world.packets_won(1, persons(1, 4, 1), [101])
    world.packets_won(0, persons(0, 4, 1), [101])
    assert world.deliver(1, "allocation/1") == 1
    with pytest.raises(Contradiction, match="DEBIT_WOULD_GO_NEGATIVE"):
        world.deliver(0, "allocation/0")


def test_leftovers_do_not_come_before_the_money_that_the_part_was_funded_with() -> None:
    """The sponsor's shard funds the other one by one feed; nothing may look short because it is slower."""
    world = World(settlement=4)
    home = shard_of(7, 4)
    giver, taker = (home + 1) % 4, (home + 2) % 4
    world.deposit(400)
    world.hold_round([100, 100, 100, 100])
    world.deliver(giver, f"settlement/{home}")
    world.packets_sent(giver, taker, 40)
    world.packets_received(taker, giver, 40)
    world.packets_won(taker, persons(taker, 4, 1), [120])
    world.deliver(giver, f"allocation/{giver}")
    assert world.deliver(taker, f"settlement/{giver}") < len(world.feed(f"settlement/{giver}"))
    world.deliver_all()
    assert world.balance_fen(f"wallet:{persons(taker, 4, 1)[0]}") == 120


def test_packets_that_a_part_does_not_know_of_contradict_its_end() -> None:
    world = funded([100, 100])
    world.packets_sent(0, 1, 40)
    world.deliver_all()
    world.stock_closed(1, 0, 140)
    with pytest.raises(Contradiction, match="does not know of"):
        world.deliver(1, "allocation/1")


def test_a_part_that_never_had_packets_needs_no_money_to_close() -> None:
    world = funded([100, 0])
    world.stock_closed(1, 0, 0)
    assert world.deliver(1, "allocation/1") == 1


def test_packets_wait_for_money_that_is_on_its_way() -> None:
    world = World()
    world.deposit(100)
    world.hold_round([25, 25, 25, 25])
    away = 1 - shard_of(7, 2)
    world.packets_won(away, persons(away, 4, 1), [5])
    assert world.deliver(away, f"allocation/{away}") == 0
    world.deliver(away, f"settlement/{1 - away}")
    assert world.deliver(away, f"allocation/{away}") == 1


def test_money_that_arrives_arrives_once() -> None:
    world = World()
    world.deposit(100)
    world.hold_round([25, 25, 25, 25])
    home = shard_of(7, 2)
    for _ in range(3):
        world.deliver(1 - home, f"settlement/{home}", after_seq=0)
    assert world.balance_fen(f"escrow:spring.r01:{1 - home}") == 25
    assert world.books().in_transit_fen == 0


def test_a_feed_read_again_from_the_start_changes_nothing() -> None:
    world = funded([100, 100], pool_fen=1000)
    for person in (*persons(0, 4, 4), *persons(1, 4, 3)):
        world.set_completed(person)
    world.packets_won(0, persons(0, 4, 3), [1, 2, 3])
    world.stock_closed(0, 6, 94)
    world.decide_pool(1000)
    world.deliver_all()
    before, journals = world.balances(), [len(journal) for journal in world.journals]
    for shard in range(2):
        for source in world.sources(shard):
            world.deliver(shard, source, after_seq=0)
    assert world.balances() == before
    assert [len(journal) for journal in world.journals] == journals


def test_a_decided_pool_is_shared_equally_and_the_rest_is_booked() -> None:
    world = funded([1], pool_fen=1000)
    people = [*persons(0, 4, 4), *persons(1, 4, 2), *persons(3, 4, 1)]
    for person in people:
        world.set_completed(person)
    world.decide_pool(1000)
    world.deliver_all()
    assert [world.balance_fen(f"wallet:{person}") for person in people] == [142] * 7
    assert world.balance_fen("remainder:spring") == 1000 - 7 * 142
    assert world.balance_fen("pool:spring") == 0


def test_a_pool_that_nobody_completed_for_goes_back_to_the_sponsor() -> None:
    world = funded([1], pool_fen=1000)
    world.decide_pool(1000)
    world.deliver_all()
    assert world.balance_fen("sponsor:7") == 1000
    assert world.balance_fen("remainder:spring") == 0
    assert world.states[shard_of(7, 2)].registers.returned_fen == {POOL: 1000}


def test_a_pool_with_less_fen_than_sets_is_all_remainder() -> None:
    world = funded([1], pool_fen=2)
    for person in persons(0, 4, 3):
        world.set_completed(person)
    world.decide_pool(2)
    world.deliver_all()
    assert world.balance_fen("remainder:spring") == 2


def test_a_payout_in_batches_goes_on_after_a_crash_at_every_step() -> None:
    world = funded([1], pool_fen=1000)
    home = world.campaign_home
    source, people = f"cards/{home}", persons(home, 4, 8)
    for person in people:
        world.set_completed(person)
    world.decide_pool(1000)
    world.deliver(home, source, records=8)
    steps = 0
    while world.step(home, source, 9, world.feed(source)[-1]):
        world.crash(home)
        steps += 1
        assert world.books().sound
    assert steps == 4  # The division, and eight people by threes.
    assert [world.balance_fen(f"wallet:{person}") for person in people] == [125] * 8


def test_a_record_in_the_middle_of_its_payout_is_shown_but_not_counted_as_a_difference() -> None:
    world = funded([1], pool_fen=800)
    for person in persons(world.campaign_home, 4, 8):
        world.set_completed(person)
    world.decide_pool(800)
    source = f"cards/{world.campaign_home}"
    world.deliver(world.campaign_home, source, records=8)
    world.step(world.campaign_home, source, 9, world.feed(source)[-1])
    world.step(world.campaign_home, source, 9, world.feed(source)[-1])
    books = world.books()
    assert books.sound
    assert books.campaigns[0].prizes == 3
    assert not books.campaigns[0].settled


def test_records_that_concern_nobody_here_have_no_effect() -> None:
    world = World()
    world.feeds["allocation/0"].append(allocation.AllocationEvent())
    world.feeds["cards/0"].append(cards.CardsEvent())
    world.deliver_all()
    assert world.journals == [[], []]


def test_a_checkpoint_moves_only_the_cursor() -> None:
    world = funded([100])
    before = world.balances()
    world.commit(0, checkpoint("allocation/0", 70))
    assert world.cursor(0, "allocation/0") == 70
    assert world.balances() == before
    assert world.books().sound


def test_every_feed_is_read_by_exactly_one_shard_and_siblings_by_all_others() -> None:
    read = [
        source
        for shard in range(4)
        for source in sources_of(shard, settlement_shards=4, allocation_shards=16, cards_shards=8)
    ]
    assert sorted(source for source in read if source.startswith("allocation")) == sorted(
        f"allocation/{shard}" for shard in range(16)
    )
    assert sorted(source for source in read if source.startswith("cards")) == sorted(
        f"cards/{shard}" for shard in range(8)
    )
    assert all(read.count(f"settlement/{shard}") == 3 for shard in range(4))


def test_an_event_of_an_unknown_service_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="FeedPosition"):
        next_effect(World().states[0], "allocation/0", 1, pb.FeedPosition(), 10)


def _won(stock_id: str, person_ids: list[int], amounts_fen: list[int]) -> Callable[[World], None]:
    return lambda world: world.packets_won(0, person_ids, amounts_fen, stock_id)


MINE = persons(0, 4, 2)
STRANGER = persons(1, 4, 1)
CONTRADICTIONS: dict[str, tuple[str, Callable[[World], None]]] = {
    "more than the part holds": ("NEGATIVE", _won(ROUND, MINE, [90, 11])),
    "a packet of nothing": ("AMOUNT_NOT_POSITIVE", _won(ROUND, MINE, [90, 0])),
    "a person of another shard": ("another shard", _won(ROUND, STRANGER, [1])),
    "a person without a number": ("not above 0", _won(ROUND, [0], [1])),
    "columns of different lengths": ("differ in length", _won(ROUND, MINE, [1])),
    "no winners at all": ("differ in length", _won(ROUND, [], [])),
    "a rest that is not there": ("are said to be left", lambda world: world.stock_closed(0, 0, 99)),
    "winnings that were never paid": ("are said to be won", lambda world: world.stock_closed(0, 1, 100)),
    "another sponsor": ("sponsor 7's", lambda world: world.stock_closed(0, 0, 100, sponsor_id=8)),
}


@pytest.mark.parametrize(("says", "happen"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_an_allocation_record_that_contradicts_the_books_posts_nothing(
    says: str, happen: Callable[[World], None]
) -> None:
    world = funded([100])
    happen(world)
    before = world.balances()
    with pytest.raises(Contradiction, match=says):
        world.deliver(0, "allocation/0")
    assert world.balances() == before
    assert world.cursor(0, "allocation/0") == 0


def test_packets_after_the_close_contradict_the_books() -> None:
    world = funded([100])
    world.stock_closed(0, 0, 100)
    world.packets_won(0, MINE, [1, 1])
    with pytest.raises(Contradiction, match="DEBIT_ACCOUNT_CLOSED"):
        world.deliver(0, "allocation/0")


def test_a_stock_closes_once() -> None:
    world = funded([100])
    world.stock_closed(0, 0, 100)
    world.stock_closed(0, 0, 100)
    with pytest.raises(Contradiction, match="closed already"):
        world.deliver(0, "allocation/0")


def test_a_stock_belongs_to_the_campaign_in_its_name() -> None:
    world = funded([100])
    won = allocation.PacketsWon(stock_id=ROUND, campaign_id="autumn", person_ids=MINE, amounts_fen=[1, 1])
    world.feeds["allocation/0"].append(allocation.AllocationEvent(packets_won=won))
    with pytest.raises(Contradiction, match="another campaign"):
        world.deliver(0, "allocation/0")


def test_a_shard_speaks_only_for_itself() -> None:
    world = funded([100])
    closed = allocation.StockClosed(
        stock_id=ROUND, campaign_id=CAMPAIGN, sponsor_id=7, shard=2, returned_fen=100
    )
    world.feeds["allocation/0"].append(allocation.AllocationEvent(stock_closed=closed))
    with pytest.raises(Contradiction, match="speaks of shard 2"):
        world.deliver(0, "allocation/0")


def _decided(**changes: object) -> cards.PoolDecided:
    decided = pool_decided(1000, [1, 0, 0, 0])
    decided.MergeFrom(cards.PoolDecided(**changes))  # type: ignore[arg-type]  # each test changes another field
    return decided


BAD_DECISIONS = {
    "share": (_decided(share_fen=999), "share and remainder"),
    "remainder": (_decided(remainder_fen=1), "share and remainder"),
    "hold": (_decided(pool_hold_id="autumn.pool"), "another campaign's"),
    "count of sets": (pool_decided(1000, [2, 0, 0, 0]), "2 sets, 1 were reported"),
    "size of the pool": (pool_decided(999, [1, 0, 0, 0]), "holds 1000 fen, not 999"),
    "sponsor": (pool_decided(1000, [1, 0, 0, 0], sponsor_id=8), "sponsor 7's"),
    "no shards": (pool_decided(1000, []), "leaves out"),
    "empty pool": (pool_decided(0, [1, 0, 0, 0]), "empty"),
}


@pytest.mark.parametrize(("decided", "says"), BAD_DECISIONS.values(), ids=BAD_DECISIONS.keys())
def test_a_decision_that_contradicts_the_books_posts_nothing(decided: cards.PoolDecided, says: str) -> None:
    world = funded([1], pool_fen=1000)
    source = f"cards/{world.campaign_home}"
    person = persons(world.campaign_home, 4, 1)[0]
    if world.campaign_home:
        decided.sets_by_shard[:] = [0, *decided.sets_by_shard][: len(decided.sets_by_shard)]
    world.set_completed(person)
    world.feeds[source].append(cards.CardsEvent(pool_decided=decided))
    before = world.balances()
    with pytest.raises(Contradiction, match=says):
        world.deliver(world.campaign_home, source)
    assert world.balances() == before


def test_two_shards_cannot_tell_two_decisions() -> None:
    world = funded([1], pool_fen=1000)
    home = world.campaign_home
    world.decide_pool(1000)
    world.deliver(home, f"cards/{home}")
    other = pool_decided(1000, [0, 0, 0, 0], sponsor_id=8)
    world.feeds[f"cards/{home + 2}"][:] = [cards.CardsEvent(pool_decided=other)]
    with pytest.raises(Contradiction, match="in another way"):
        world.deliver(home, f"cards/{home + 2}")


def test_nobody_completes_twice() -> None:
    world = World()
    world.set_completed(MINE[0])
    world.set_completed(MINE[0])
    with pytest.raises(Contradiction, match="second time"):
        world.deliver(0, "cards/0")


def test_no_set_follows_the_decision() -> None:
    world = funded([1], pool_fen=1000)
    world.decide_pool(1000)
    world.set_completed(MINE[0])
    with pytest.raises(Contradiction, match="follows the decision"):
        world.deliver(0, "cards/0")


def test_a_decision_waits_for_the_pools_money() -> None:
    world = World()
    home = world.campaign_home
    world.decide_pool(1000)
    with pytest.raises(FundsInTransit) as waiting:
        world.step(home, f"cards/{home}", 1, world.feed(f"cards/{home}")[0])
    assert waiting.value.metadata == {"source": f"cards/{home}", "seq": "1", "account_id": "pool:spring"}


def test_a_payout_waits_for_the_shares_money() -> None:
    world = funded([1], pool_fen=1000)
    away = 1 - world.campaign_home
    world.set_completed(persons(away, 4, 1)[0])
    world.decide_pool(1000)
    assert world.deliver(away, f"cards/{away}") == 1
    world.deliver_all()
    assert world.balance_fen(f"wallet:{persons(away, 4, 1)[0]}") == 1000


@pytest.mark.parametrize("closed_before", [False, True])
def test_a_hold_under_another_sponsors_id_goes_back_and_stops_no_feed(*, closed_before: bool) -> None:
    world = funded([100, 100])
    stranger = next(person for person in range(8, 100) if shard_of(person, 2) != shard_of(7, 2))
    if closed_before:
        world.stock_closed(0, 0, 100)
        world.stock_closed(1, 0, 100)
        world.deliver_all()
    world.deposit(50, sponsor_id=stranger)
    home = shard_of(stranger, 2)
    # Its money travels: on the sponsor's own shard the conflict would be known at once.
    parts_fen = [50, 0] if home == 1 else [0, 50]
    world.hold_round(parts_fen, sponsor_id=stranger)
    assert world.balance_fen(f"sponsor:{stranger}") == 0
    world.deliver_all()
    assert world.balance_fen(f"sponsor:{stranger}") == 50
    assert world.states[home].registers.returned_fen == {ROUND: 50}
    assert world.total_fen(AccountCode.ESCROW) == (0 if closed_before else 200)
    assert not world.total_fen(AccountCode.IN_TRANSIT)
    assert world.books().difference_fen == 0


def test_money_for_an_account_that_lives_elsewhere_contradicts_the_books() -> None:
    world = World()
    stray = pb.Transfer(
        transfer_id="stray",
        debit_account_id="sponsor:7",
        credit_account_id="in_transit:0:1",
        amount_fen=1,
        code=pb.TRANSFER_CODE_ROUND_HOLD,
        onward=pb.Onward(shard=1, credit_account_id="escrow:spring.r01:2"),
    )
    with pytest.raises(Contradiction, match="not kept here"):
        next_effect(world.states[1], "settlement/0", 1, pb.SettlementEvent(transfers=[stray]), 10)
