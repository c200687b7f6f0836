"""A feed that is read in runs leaves the books as one that is read record by record."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.errors import Contradiction
from tests.unit.settlement.people.world import PeopleWorld
from tests.unit.settlement.world import SECOND, World, persons, two_rounds

MINE = persons(0, 4, 6)
MANY = 1_000
SOURCES = ("allocation/0", "cards/0")
RECORDS = st.one_of(
    st.tuples(
        st.just("won"),
        st.sampled_from(["spring.r01", SECOND]),
        st.lists(st.tuples(st.sampled_from(MINE), st.integers(1, 9)), min_size=1, max_size=4),
    ),
    st.tuples(st.sampled_from(["inert", "sent", "received", "closed", "set", "sets", "undone", "overdrawn"])),
)


@settings(max_examples=150, deadline=None)
@given(
    happened=st.lists(RECORDS, max_size=30),
    chunks=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    persons_max=st.integers(1, 20),
    crash_after=st.integers(0, 10),
    strangers=st.booleans(),
    lucky=st.booleans(),
)
def test_whatever_a_feed_says_runs_do_what_single_records_do(
    happened: list[tuple[object, ...]],
    chunks: list[int],
    persons_max: int,
    crash_after: int,
    *,
    strangers: bool,
    lucky: bool,
) -> None:
    """In bites of any size, with a crash anywhere, and read from the start again in the end."""
    one_by_one, in_runs = (two_rounds(world_with_strangers() if strangers else None) for _ in range(2))
    for world in (one_by_one, in_runs):
        world.lucky = lucky
        for record in happened:
            tell(world, record)
    stopped = [deliver_all_of(one_by_one, [MANY], lambda _: None, persons_max=0)]
    seen = 0

    def crash(world: World) -> None:
        nonlocal seen
        seen += 1
        if seen == crash_after:
            world.crash(0, snapshot_seq=len(world.journals[0]) // 2)

    stopped.append(deliver_all_of(in_runs, chunks, crash, persons_max=persons_max))
    assert stopped[0] == stopped[1]
    assert told(one_by_one) == told(in_runs)
    journal = list(in_runs.journals[0])
    for source in SOURCES:
        upto = in_runs.cursor(0, source)
        in_runs.deliver_in_runs(0, source, after_seq=0, records=upto, persons_max=persons_max)
    assert in_runs.journals[0] == journal


def world_with_strangers() -> World:
    """Half of the winners are verified; what the others win waits."""
    world = PeopleWorld()
    for person_id in MINE[::2]:
        world.verify(person_id)
    return world


def tell(world: World, record: tuple[object, ...]) -> None:
    match record:
        case ("won", str(stock_id), list(winners)):
            world.packets_won(0, [person for person, _ in winners], [fen for _, fen in winners], stock_id)
        case ("sent",):
            world.packets_sent(0, 2, 3)
        case ("received",):
            world.packets_received(0, 2, 3)
        case ("closed",):
            world.stock_closed(0, 0, 100, SECOND)
        case ("set",):
            world.set_completed(persons(0, 4, len(world.feeds["cards/0"]) * 3 + 1)[-1])
        case ("sets",):
            world.sets_completed(persons(0, 4, len(world.feeds["cards/0"]) * 3 + 3)[-3:])
        case ("undone",):
            world.set_undone(persons(0, 4, max(1, len(world.feeds["cards/0"]) * 3 - 2))[-1])
        case ("overdrawn",):
            world.packets_won(0, MINE[:1], [1_000])
        case _:
            world.feeds["allocation/0"].append(allocation.AllocationEvent())
            world.feeds["cards/0"].append(cards.CardsEvent())


def deliver_all_of(
    world: World, chunks: list[int], between: Callable[[World], None], *, persons_max: int
) -> dict[str, str]:
    """Delivers bite by bite until nothing moves; returns by source what stopped it."""
    stopped: dict[str, str] = {}
    for source in SOURCES:
        at, turn = 0, 0
        feed = world.feed(source)
        while at < len(feed):
            bite = chunks[turn % len(chunks)]
            turn += 1
            try:
                taken = deliver(world, source, at, bite, persons_max)
            except Contradiction as contradiction:
                stopped[source] = contradiction.message
                break
            if taken < min(bite, len(feed) - at):
                stopped[source] = f"waits after {world.cursor(0, source)}"
                break
            at += bite
            between(world)
    return stopped


def deliver(world: World, source: str, after_seq: int, records: int, persons_max: int) -> int:
    if not persons_max:
        return world.deliver(0, source, after_seq=after_seq, records=records)
    return world.deliver_in_runs(0, source, after_seq=after_seq, records=records, persons_max=persons_max)


def told(world: World) -> object:
    """What can be read of the shard, without the order in which it came about."""
    snapshot = pb.ShardSnapshot.FromString(world.states[0].snapshot())
    wallets = dict(zip(snapshot.wallet_person_ids, snapshot.wallet_balances_fen, strict=True))
    del snapshot.wallet_person_ids[:]
    del snapshot.wallet_balances_fen[:]
    sort(snapshot)
    return wallets, snapshot


def sort(message: Message) -> None:
    """Puts lists of messages into an order of their own; columns keep theirs."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if not field.is_repeated:
            sort(value)
            continue
        for element in value:
            sort(element)
        value.sort(key=lambda element: element.SerializeToString())
