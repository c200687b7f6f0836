"""Friends and groups write to each other, and send along what they share; in the end all is compared."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hongbao.gateway.v1 import message_pb2 as pb
from services.cli.gala.apps.writing import as_read, between
from services.cli.gala.attachments import Shown, packet_fits
from services.cli.gala.crowd import everyone, together, within
from services.cli.gala.people import Player
from services.cli.gala.people_report import ChatFigures
from services.cli.gala.stage import AT_ONCE, Stage
from services.cli.gala.timelines import (
    Conversation,
    order_difference,
    receivers_of,
    timeline_difference,
)
from services.mesh.errors import ServiceError

PAIRS_PER_100, PAIRS_MAX = 5, 100
GROUPS_PER_100, GROUPS_MAX, MEMBERS_MAX = 1, 10, 6
TURNS = 4
"""How often each of two friends writes."""
READING_TIMEOUT_S = 60.0
"""The longest until a stream has brought everything, and until it is known how all has ended, seconds."""
WORDS = ("恭喜发财，万事如意。", "红包收到了，谢谢。", "我还缺一张敬业福。", "替你留着。", "明年见。")
"""What they say; none of it is written anywhere in the clear."""
_POLL_S = 0.2
_WATCHING, _WATCHED_BEFORE_BREAK = 2, 2


@dataclass(slots=True)
class Streamed:
    """What came by streams."""

    entries: int = 0
    difference: int = 0
    """Streams that brought something else than can be read."""


async def tell_of_packet(
    stage: Stage, sender: Player, friend: Player, envelope_id: int, got: Mapping[int, int]
) -> None:
    """Tells a friend of an envelope. `got` gets filled: what people are told they got out of it, fen."""
    if _moves(sender) or _moves(friend) or not stage.sent_along.begin("packet"):
        return
    content = pb.Content(packet=pb.PacketAttachment(envelope_id=envelope_id))
    seq = await stage.apps.writing.tell(sender, friend, content)
    stage.sent_along.packets.append(Shown(between(sender, friend), seq, friend, packet_fits(got)))


async def tell_group_of_packet(
    stage: Stage, members: Sequence[Player], group_id: int, envelope_id: int, got: Mapping[int, int]
) -> None:
    """The first of a group's members tells the others of an envelope for them."""
    if any(map(_moves, members)) or not stage.sent_along.begin("packet"):
        return
    content = pb.Content(packet=pb.PacketAttachment(envelope_id=envelope_id))
    seq = await stage.apps.writing.tell_group(members[0], group_id, members, content)
    conversation = Conversation("group", group_id)
    stage.sent_along.packets.append(Shown(conversation, seq, members[-1], packet_fits(got)))


async def tell_of_card(
    stage: Stage, giver: Player, receiver: Player, gift_id: str, state: pb.AttachmentState.ValueType
) -> Shown | None:
    """Tells a friend of a card that is offered; `state` is how that ends. None when it is not told."""
    if _moves(giver) or _moves(receiver) or not stage.sent_along.begin("card"):
        return None
    campaign_id = stage.evening.campaign_id
    card = pb.CardAttachment(campaign_id=campaign_id, exchange_id=gift_id)
    seq = await stage.apps.writing.tell(giver, receiver, pb.Content(card=card))
    return Shown(between(giver, receiver), seq, receiver, lambda status: status.state == state)


async def chat(stage: Stage) -> Streamed:
    """Friends talk in turns, groups all at once; two people watch their timelines as they grow."""
    stage.progress.act = "people write to each other"
    draw = random.Random(f"{stage.evening.seed}:chat")  # noqa: S311 - a simulation, not a secret
    pairs, groups = plan_pairs(stage, draw), plan_groups(stage, draw)
    watching = list({pair[0].person_id: pair[0] for pair in pairs}.values())[:_WATCHING]
    before = [(player, len(await stage.apps.writing.timeline(player))) for player in watching]
    streamed = Streamed()

    async def talk(pair: tuple[Player, Player]) -> None:
        for turn in range(2 * TURNS):
            sender, friend = pair if turn % 2 == 0 else pair[::-1]
            seq = await stage.apps.writing.tell(sender, friend, _words(turn, sender))
        await stage.apps.writing.mark_read(friend, sender, seq)

    await together(
        [
            everyone(pairs, talk, AT_ONCE),
            everyone(groups, lambda members: _talk_in_group(stage, members), AT_ONCE),
            *(_watch(stage, streamed, player, after) for player, after in before),
        ]
    )
    return streamed


async def messages_compared(stage: Stage, streamed: Streamed) -> ChatFigures:
    """Compares what senders were told with what all can read, and with what has become of attachments."""
    stage.progress.act = "every message is compared"
    said, sent_along = stage.apps.writing.said, stage.sent_along
    by_person = {player.person_id: player for player in stage.players if player.first is None}
    differences = [order_difference(said), streamed.difference]
    delivered: list[int] = []

    async def compare(person_id: int) -> None:
        entries = await stage.apps.writing.timeline(by_person[person_id])
        differences.append(timeline_difference(person_id, said, as_read(person_id, entries)))
        delivered.append(len(entries))

    await everyone(sorted(receivers_of(said)), compare, AT_ONCE)
    wrong: list[Shown] = []

    async def look(shown: Shown) -> None:
        if not await _has_ended_right(stage, shown):
            wrong.append(shown)

    await everyone([*sent_along.packets, *sent_along.cards], look, AT_ONCE)
    return ChatFigures(
        messages=len(said),
        delivered=sum(delivered),
        messages_difference=sum(differences),
        streamed=streamed.entries,
        packets=len(sent_along.packets),
        cards=len(sent_along.cards),
        states_wrong=len(wrong),
    )


def plan_pairs(stage: Stage, draw: random.Random) -> list[tuple[Player, Player]]:
    """Friends who talk; each pair once."""
    pairs = {
        (player.number, friend.number): (player, friend)
        for player in stage.players
        for friend in stage.friends.get(player.number, ())
        if player.number < friend.number and not _moves(player) and not _moves(friend)
    }
    count = min(PAIRS_MAX, max(1, len(stage.players) * PAIRS_PER_100 // 100))
    return draw.sample(list(pairs.values()), min(count, len(pairs)))


def plan_groups(stage: Stage, draw: random.Random) -> list[list[Player]]:
    """Groups that talk: somebody, and some friends."""
    owners = [player for player in stage.players if not _moves(player) and stage.friends.get(player.number)]
    count = min(GROUPS_MAX, max(1, len(stage.players) * GROUPS_PER_100 // 100), len(owners))
    groups = []
    for owner in draw.sample(owners, count):
        others = [friend for friend in stage.friends[owner.number] if not _moves(friend)]
        groups.append([owner, *draw.sample(others, min(MEMBERS_MAX, len(others)))])
    return [members for members in groups if len(members) > 1]


async def _talk_in_group(stage: Stage, members: Sequence[Player]) -> None:
    owner, friends, last = members[0], members[1:-1], members[-1]
    group_id = await stage.sharing.create_group(owner, friends)
    await stage.sharing.bring_into_group(owner, group_id, last)

    async def talk(member: Player) -> None:
        for turn in range(2):
            await stage.apps.writing.tell_group(member, group_id, members, _words(turn, member))

    await everyone(members, talk, AT_ONCE)


async def _watch(stage: Stage, streamed: Streamed, player: Player, after: int) -> None:
    """Follows a timeline, breaks off once, goes on, and compares with what can be read in the end."""
    writing = stage.apps.writing
    async with within(READING_TIMEOUT_S, f"a stream of person {player.person_id} brings nothing more"):
        seen = await writing.watch(player, after, _WATCHED_BEFORE_BREAK)
        seen += await writing.watch(player, after + len(seen), 2 * TURNS - len(seen))
    read = (await writing.timeline(player, after))[: len(seen)]
    streamed.entries += len(seen)
    streamed.difference += as_read(player.person_id, seen) != as_read(player.person_id, read)


async def _has_ended_right(stage: Stage, shown: Shown) -> bool:
    # What nobody could be asked about is known a moment later.
    status: pb.AttachmentStatus | None = None
    try:
        async with within(READING_TIMEOUT_S, "the state of what was sent along is not known"):
            while status is None or status.state == pb.ATTACHMENT_STATE_UNKNOWN:
                message = await stage.apps.writing.message(shown.reader, shown.conversation, shown.seq)
                status = message.attachment
                if status.state == pb.ATTACHMENT_STATE_UNKNOWN:
                    await asyncio.sleep(_POLL_S)
    except ServiceError as late:
        if late.reason != "OVERDUE":
            raise
        return False
    return shown.fits(status)


def _moves(player: Player) -> bool:
    """Whether an account turns out to be of somebody who has another one: timelines are joined then."""
    return player.first is not None


def _words(turn: int, sender: Player) -> pb.Content:
    return pb.Content(text=WORDS[(turn + sender.number) % len(WORDS)])
