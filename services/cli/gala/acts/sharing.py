"""Act four: winners send packets on, groups get lucky packets, and friends ask each other for some."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hongbao.gateway.v1 import envelope_pb2 as gateway
from services.allocation.domain.lucky import LUCKY_RULE, lucky_split
from services.allocation.domain.values import Seed
from services.cli.gala.acts.chat import tell_group_of_packet, tell_of_packet
from services.cli.gala.crowd import everyone
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage

SENDERS_ON_PER_100 = 4
GROUPS_PER_100 = 1
ASKS_PER_100 = 2
"""How many of a hundred people send a packet on, treat a group, ask a friend."""
FISSION_SHARES, CHAIN_SHARES, GROUP_MEMBERS_MAX = 3, 2, 6
ASK_FEN = 66
_CLAIMED, _ANSWERED = 0.9, 0.8
"""The chance that somebody opens a group's packet, and that a friend who is asked gives."""


@dataclass(frozen=True, slots=True)
class Fission:
    """A winner sends a packet on to friends; the first who gets some may send that on."""

    sender: Player
    round_id: str
    claimers: Sequence[Player]
    next_claimers: Sequence[Player]
    """Friends of the first claimer; empty when the chain ends there."""


@dataclass(frozen=True, slots=True)
class Treat:
    """A winner sends a lucky packet to a group."""

    sender: Player
    members: Sequence[Player]
    claimers: Sequence[Player]
    """Those who open it; the others do not look in time."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody asks a friend for a packet."""

    asking: Player
    giver: Player
    is_answered: bool


Scene = Fission | Treat | Wish


@dataclass(slots=True)
class Shared:
    """What people were told while they shared; amounts are fen."""

    sent_on: int = 0
    """Packets that were sent on."""
    group_packets: int = 0
    answers: int = 0
    declined: int = 0
    sent_fen: int = 0
    shares: int = 0
    shares_fen: int = 0
    splits_verified: int = 0
    """Lucky packets whose shares were recomputed from the revealed seed."""
    splits_hold: bool = True
    envelopes: list[tuple[Player, int]] = field(default_factory=list)
    """Every lucky packet, with who sent it."""
    got: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """What everybody was told they got out of each envelope, fen."""


async def share_packets(stage: Stage) -> Shared:
    """Everything that people send each other this evening, and what came of it."""
    stage.progress.act = "people send packets on"
    scenes = plan_sharing(stage.players, stage.friends, f"{stage.evening.seed}:sharing")
    shared = Shared()

    async def act(scene: Scene) -> None:
        match scene:
            case Fission():
                await _send_on(stage, scene, shared)
            case Treat():
                await _treat(stage, scene, shared)
            case Wish():
                await _ask(stage, scene, shared)

    await everyone(scenes, act, AT_ONCE)
    await everyone(shared.envelopes, lambda sent: _verify(stage, shared, *sent), AT_ONCE)
    return shared


def plan_sharing(
    players: Sequence[Player], friends: Mapping[int, Sequence[Player]], seed: str
) -> list[Scene]:
    """Who sends what to whom. Nobody sends twice, so that what somebody won pays for it.

    Nothing leaves the wallets of people who are not verified: they only open what others send.
    """
    draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    winners = [
        player
        for player in players
        if player.packets_fen and not player.verifies_late and friends.get(player.number)
    ]
    draw.shuffle(winners)
    scenes: list[Scene] = []
    for _ in range(_share_of(len(players), SENDERS_ON_PER_100)):
        if not winners:
            break
        scenes.append(_fission(winners.pop(), friends, draw))
    for _ in range(_share_of(len(players), GROUPS_PER_100)):
        if not winners:
            break
        sender = winners.pop()
        members = _some(friends[sender.number], GROUP_MEMBERS_MAX, draw)
        claimers = [player for player in (sender, *members) if draw.random() < _CLAIMED]
        scenes.append(Treat(sender, members, claimers))
    for _ in range(_share_of(len(players), ASKS_PER_100)):
        if not winners:
            break
        giver = winners.pop()
        asking = draw.choice(friends[giver.number])
        gives = draw.random() < _ANSWERED and giver.won_fen >= ASK_FEN
        scenes.append(Wish(asking, giver, gives))
    draw.shuffle(scenes)
    return scenes


def _fission(sender: Player, friends: Mapping[int, Sequence[Player]], draw: random.Random) -> Fission:
    # A packet may be worth one fen only: shares go to one person then.
    claimers = _some(friends[sender.number], FISSION_SHARES, draw)
    others = [friend for friend in friends.get(claimers[0].number, ()) if friend is not claimers[0]]
    if claimers[0].verifies_late:
        others = []
    return Fission(sender, min(sender.packets_fen), claimers, _some(others, CHAIN_SHARES, draw))


async def _send_on(stage: Stage, scene: Fission, shared: Shared) -> None:
    amount_fen = scene.sender.packets_fen[scene.round_id]
    claimers = scene.claimers[:amount_fen]
    envelope = await stage.sharing.send_on(scene.sender, scene.round_id, shares=len(claimers))
    _count_sent(stage, shared, scene.sender, envelope)
    shared.sent_on += 1
    got = shared.got[envelope.envelope_id]
    await tell_of_packet(stage, scene.sender, claimers[0], envelope.envelope_id, got)
    shares = [await _claim(stage, shared, claimer, envelope.envelope_id) for claimer in claimers]
    next_claimers = scene.next_claimers[: shares[0].amount_fen]
    if next_claimers:
        chained = await stage.sharing.send_on(
            claimers[0], envelope_id=envelope.envelope_id, shares=len(next_claimers)
        )
        _count_sent(stage, shared, claimers[0], chained)
        shared.sent_on += 1
        for claimer in next_claimers:
            await _claim(stage, shared, claimer, chained.envelope_id)


async def _treat(stage: Stage, scene: Treat, shared: Shared) -> None:
    group_id = await stage.sharing.create_group(scene.sender, scene.members)
    shares = min(scene.sender.won_fen, len(scene.members) + 1)
    envelope = await stage.sharing.send_to_group(scene.sender, group_id, scene.sender.won_fen, shares)
    _count_sent(stage, shared, scene.sender, envelope)
    shared.group_packets += 1
    members, got = (scene.sender, *scene.members), shared.got[envelope.envelope_id]
    await tell_group_of_packet(stage, members, group_id, envelope.envelope_id, got)
    for claimer in scene.claimers[:shares]:
        await _claim(stage, shared, claimer, envelope.envelope_id)


async def _ask(stage: Stage, scene: Wish, shared: Shared) -> None:
    ask_id = await stage.sharing.ask(scene.asking, scene.giver, ASK_FEN)
    if not scene.is_answered:
        await stage.sharing.decline(scene.giver, ask_id)
        shared.declined += 1
        return
    await stage.sharing.answer(scene.giver, ask_id, ASK_FEN)
    shared.answers += 1
    scene.giver.has_shared = True
    shared.sent_fen += ASK_FEN
    stage.progress.envelopes += 1
    answered = await stage.sharing.read_ask(scene.asking, ask_id)
    await _claim(stage, shared, scene.asking, answered.envelope_id)


async def _claim(stage: Stage, shared: Shared, player: Player, envelope_id: int) -> gateway.Share:
    share = await stage.sharing.claim(player, envelope_id)
    shared.shares += 1
    shared.shares_fen += share.amount_fen
    shared.got[envelope_id][player.person_id] = share.amount_fen
    stage.progress.shares += 1
    return share


def _count_sent(stage: Stage, shared: Shared, sender: Player, envelope: gateway.Envelope) -> None:
    sender.has_shared = True
    shared.sent_fen += envelope.amount_fen
    shared.envelopes.append((sender, envelope.envelope_id))
    stage.progress.envelopes += 1


async def _verify(stage: Stage, shared: Shared, sender: Player, envelope_id: int) -> None:
    """Recomputes a lucky packet's shares, as anybody can who got one, once its seed is revealed."""
    found = await stage.sharing.look(sender, envelope_id)
    if found.envelope.seed:
        shared.splits_verified += 1
        shared.splits_hold = shared.splits_hold and holds(found)


def holds(found: gateway.GetEnvelopeResponse) -> bool:
    """Whether an ended lucky packet was split as its commitment and the published rule say."""
    envelope = found.envelope
    amounts = lucky_split(
        Seed(envelope.seed),
        envelope.envelope_id,
        envelope.amount_fen,
        envelope.share_count,
        envelope.share_min_fen,
    )
    return (
        envelope.split_rule == LUCKY_RULE
        and hashlib.sha256(envelope.seed).digest() == envelope.seed_commitment
        and [share.amount_fen for share in found.shares] == list(amounts[: len(found.shares)])
    )


def _share_of(people: int, per_100: int) -> int:
    return max(1, people * per_100 // 100)


def _some(people: Sequence[Player], count: int, draw: random.Random) -> list[Player]:
    return draw.sample(people, min(count, len(people)))
