"""The proof of a card game: what a mesh has dealt, shared and completed is what its seed gives."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hongbao.cards.v1 import cards_pb2, events_pb2, figures_pb2, proof_pb2, proof_pb2_grpc
from services.cards.domain.proof.proofs import CardProof
from services.cli.commands.cards_open import GameAsked, opened
from services.cli.commands.cards_show import follow, print_game
from services.cli.console import CONSOLE, Refusal
from services.cli.operator import Operator
from services.cli.proofs.cards.mesh import OperatorProofs, verify_game, write_game
from services.cli.proofs.cards.reading import VerifiedCards, verify_published_cards
from services.cli.proofs.files import proof_file, verify_file
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of
from tests.integration.cards_mesh import CardsMesh

SPRING = "spring-2016"
SHARDS = 2
LASTS_S = 60
TAPS = 25
POOL_FEN = 10_001


@pytest.fixture
async def mesh() -> AsyncIterator[CardsMesh]:
    with capture_logs():
        async with CardsMesh(SHARDS) as mesh:
            yield mesh


@pytest.fixture
async def operator(mesh: CardsMesh) -> AsyncIterator[Operator]:
    settings = MeshSettings(cards_shards=SHARDS, settlement_shards=1)
    channels = ChannelFactory(settings, "operator", network=mesh.network)
    # A map that nobody watches is enough where owners stay.
    yield Operator(settings, channels, {"cards": mesh.map})  # type: ignore[dict-item]
    await channels.close()


def asked(mesh: CardsMesh, **values: Any) -> GameAsked:
    plan = events_pb2.SupplyPlan()
    for card in range(1, 6):
        plan.card_limits.add(card=events_pb2.Card.ValueType(card), issue_limit=400)
    for source in range(1, 5):
        plan.source_quotas.add(source=events_pb2.CardSource.ValueType(source), card_quota=1_000)
    now = datetime.fromtimestamp(mesh.clock.now_ms() / 1000, UTC)
    asked = GameAsked(
        campaign_id=SPRING,
        sponsor_id=7,
        pool_fen=POOL_FEN,
        plan=plan,
        plan_path=Path("plan.json"),
        opens_at=now,
        deadline=now + timedelta(seconds=LASTS_S),
        share_mode=events_pb2.SHARE_MODE_LUCKY,
    )
    return replace(asked, **values)


async def deal(mesh: CardsMesh, shard: int, person: int, count: int, *, source: int) -> None:
    """So many cards, whatever the supply has to wait for meanwhile."""
    request = cards_pb2.DealBatchRequest(
        campaign_id=SPRING,
        shard=shard,
        source=events_pb2.CardSource.ValueType(source),
        person_ids=[person] * count,
        source_keys=[f"round-{number}" for number in range(count)],
    )
    for _ in range(50):
        answer = await mesh.driven(mesh.player(shard).DealBatch(request))
        if all(answer.cards):
            return
        await mesh.pass_time(0.25)
    raise AssertionError("the supply never came")


async def played(mesh: CardsMesh, operator: Operator, **values: Any) -> cards_pb2.Game:
    """A game in which people of every shard were dealt cards from several sources, and some completed."""
    await mesh.driven(opened(operator, asked(mesh, **values), deposits=False))
    for shard in range(SHARDS):
        one, other = mesh.person(0, shard), mesh.person(1, shard)
        await deal(mesh, shard, one, TAPS, source=events_pb2.CARD_SOURCE_TAP)
        mesh.social.befriend(one, other)
        await mesh.pass_time(1)
        await deal(mesh, shard, other, TAPS, source=events_pb2.CARD_SOURCE_SPONSOR)
        persons = cards_pb2.CompleteSetBatchRequest(campaign_id=SPRING, shard=shard, person_ids=[one, other])
        await mesh.driven(mesh.player(shard).CompleteSetBatch(persons))
    await mesh.pass_time(LASTS_S)
    return await closed(mesh, operator)


async def closed(mesh: CardsMesh, operator: Operator) -> cards_pb2.Game:
    for _ in range(50):
        game = await mesh.driven(operator.game(SPRING))
        if game.phase == cards_pb2.GAME_PHASE_CLOSED:
            return game
        await mesh.pass_time(0.25)
    raise AssertionError("the game never closed")


def a_file(verified: VerifiedCards) -> tuple[int, int]:
    return verified.cards, sum(verified.outcome.sets_by_shard)


async def test_a_game_opens_once_for_the_same_order(mesh: CardsMesh, operator: Operator) -> None:
    first = await mesh.driven(opened(operator, asked(mesh), deposits=False))
    await mesh.pass_time(1)
    # Without a time, it is the one it has; by another order it is refused.
    again = await mesh.driven(
        opened(
            operator,
            replace(asked(mesh), opens_at=None, deadline=first.deadline.ToDatetime(UTC)),
            deposits=False,
        )
    )
    assert (again.opens_at, again.seed_commitment) == (first.opens_at, first.seed_commitment)
    with pytest.raises(ServiceError, match="another pool_fen"):
        await mesh.driven(
            opened(
                operator,
                replace(asked(mesh), opens_at=None, deadline=first.deadline.ToDatetime(UTC), pool_fen=5),
                deposits=False,
            )
        )


async def test_who_cannot_pay_is_told_what_there_is(mesh: CardsMesh, operator: Operator) -> None:
    mesh.settlement.available_fen = 5_000
    with pytest.raises(Refusal, match=r"sponsor 7 has 50\.00 yuan, and the pool takes 100\.01"):
        await mesh.driven(opened(operator, asked(mesh), deposits=False))


@pytest.mark.parametrize("share_mode", [events_pb2.SHARE_MODE_LUCKY, events_pb2.SHARE_MODE_EQUAL])
async def test_a_whole_game_is_as_committed_on_the_mesh_and_in_its_file(
    mesh: CardsMesh, operator: Operator, share_mode: events_pb2.ShareMode.ValueType
) -> None:
    game = await played(mesh, operator, share_mode=share_mode)
    source = OperatorProofs(operator)
    proof = await mesh.driven(verify_game(source, game))
    assert proof.complaint == ""
    # Each of the two friends on every shard has a card for the other one.
    issued = sum(figures.issued for figures in game.cards)
    assert (proof.cards, issued) == (SHARDS * (2 * TAPS + 2),) * 2
    first, second = io.BytesIO(), io.BytesIO()
    digest = await mesh.driven(write_game(source, game, first))
    assert (await mesh.driven(write_game(source, game, second)), second.getvalue()) == (
        digest,
        first.getvalue(),
    )
    first.seek(0)
    verified = verify_published_cards(first)
    assert verified.digest == digest
    assert a_file(verified) == (issued, sum(game.decision.sets_by_shard))
    assert verified.statement.plan == game.supply


async def test_what_is_not_as_committed_is_found_on_the_mesh(mesh: CardsMesh, operator: Operator) -> None:
    game = await played(mesh, operator)
    forged = cards_pb2.Game()
    forged.CopyFrom(game)
    forged.decision.luck_shares_fen[7] += 1
    complaint = (await mesh.driven(verify_game(OperatorProofs(operator), forged))).complaint
    assert complaint.startswith("the shares by luck are said to be")
    forged.CopyFrom(game)
    forged.decision.seed = bytes(32)
    complaint = (await mesh.driven(verify_game(OperatorProofs(operator), forged))).complaint
    assert complaint == "the revealed seed is not the one that was committed to"
    forged.CopyFrom(game)
    forged.supply.card_limits[2].issue_limit = 1
    complaint = (await mesh.driven(verify_game(OperatorProofs(operator), forged))).complaint
    assert complaint.startswith("the limit of HARMONY is 1, and")


class Meddler:
    """The operator's way to what shards dealt, with somebody on it."""

    def __init__(self, source: OperatorProofs, change: Callable[[proof_pb2.ReadProofResponse], None]) -> None:
        self._source = source
        self._change = change

    async def game_proof(
        self, campaign_id: str, shard: int, *, with_sets: bool
    ) -> AsyncIterator[proof_pb2.ReadProofResponse]:
        async for part in self._source.game_proof(campaign_id, shard, with_sets=with_sets):
            self._change(part)
            yield part


def another_card(part: proof_pb2.ReadProofResponse) -> None:
    for dealt in part.dealt[:1]:
        dealt.cards = bytes([dealt.cards[0] % 5 + 1]) + dealt.cards[1:]


def more_luck(part: proof_pb2.ReadProofResponse) -> None:
    if part.completed.luck_classes:
        part.completed.luck_classes = bytes([199]) * len(part.completed.luck_classes)


def a_set_more(part: proof_pb2.ReadProofResponse) -> None:
    if part.HasField("completed"):
        part.completed.person_ids.append(part.completed.person_ids[0])


def no_seal(part: proof_pb2.ReadProofResponse) -> None:
    part.ClearField("seal")


MEDDLED = [
    (another_card, "card 0 of deck 1 of shard 0 is said to be"),
    (more_luck, "a set of shard 0 is said to have luck 199; the seed gives"),
    (a_set_more, "a person of shard 0 has two sets"),
    (no_seal, "shard 0 does not say how it was sealed"),
]


async def test_what_a_shard_would_make_up_is_found(mesh: CardsMesh, operator: Operator) -> None:
    game = await played(mesh, operator)
    for change, complaint in MEDDLED:
        proof = await mesh.driven(verify_game(Meddler(OperatorProofs(operator), change), game))
        assert complaint in proof.complaint


async def test_nothing_is_shown_before_the_pool_is_shared(mesh: CardsMesh, operator: Operator) -> None:
    await mesh.driven(opened(operator, asked(mesh), deposits=False))
    game = await mesh.driven(operator.game(SPRING))
    assert "is not closed yet" in (await mesh.driven(verify_game(OperatorProofs(operator), game))).complaint
    with pytest.raises(ServiceError, match="is not closed"):
        await mesh.driven(anext(aiter(OperatorProofs(operator).game_proof(SPRING, 0, with_sets=False))))


async def test_a_card_of_ones_own_is_proved_also_by_an_owner_that_has_started_anew(
    mesh: CardsMesh, operator: Operator, tmp_path: Path
) -> None:
    game = await played(mesh, operator)
    first, second = mesh.processes
    await mesh.crash(first)
    await mesh.take_over(second)
    person = mesh.person(1, 1)
    friends = "-".join(map(str, sorted((mesh.person(0, 1), person))))
    for source, key in (
        (events_pb2.CARD_SOURCE_SPONSOR, "round-0"),
        (events_pb2.CARD_SOURCE_SPONSOR, f"round-{TAPS - 1}"),
        (events_pb2.CARD_SOURCE_FRIEND, friends),
    ):
        answer = await mesh.driven(proved(operator, person, source, key))
        path = tmp_path / "mine.json"
        path.write_text(proof_file(answer))
        proof = verify_file(path)
        assert isinstance(proof, CardProof)
        assert (proof.shard, proof.game.seed) == (1, game.decision.seed)
    with pytest.raises(ServiceError, match="dealt the person no card"):
        await mesh.driven(proved(operator, person, events_pb2.CARD_SOURCE_TAP, "round-0"))


async def proved(
    operator: Operator, person: int, source: events_pb2.CardSource.ValueType, key: str
) -> proof_pb2.ProveCardResponse:
    request = proof_pb2.ProveCardRequest(campaign_id=SPRING, person_id=person, source=source, source_key=key)
    return await operator.at_cards(
        shard_of(person, SHARDS),
        lambda channel, timeout_s: proof_pb2_grpc.CardProofServiceStub(channel).ProveCard(
            request, timeout=timeout_s
        ),
    )


async def test_a_game_is_shown_and_watched_until_it_is_closed(
    mesh: CardsMesh,
    operator: Operator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CONSOLE, "width", 200)
    seen: list[figures_pb2.GameFigures] = []
    await mesh.driven(opened(operator, asked(mesh), deposits=False))
    watching = asyncio.ensure_future(follow(operator, SPRING, seen.append))
    game = await played(
        mesh,
        operator,
        opens_at=None,
        deadline=(await mesh.driven(operator.game(SPRING))).deadline.ToDatetime(UTC),
    )
    await mesh.driven(watching)
    assert (seen[0].phase, seen[-1].phase) == (cards_pb2.GAME_PHASE_OPEN, cards_pb2.GAME_PHASE_CLOSED)
    assert [sum(place.issued for place in figures.cards) for figures in (seen[0], seen[-1])] == [
        0,
        SHARDS * (2 * TAPS + 2),
    ]
    await mesh.driven(print_game(operator, game))
    shown = capsys.readouterr().out
    assert f"{SPRING}: closed" in shown
    assert f"sponsor {SHARDS * TAPS} of 1,000" in shown
    assert game.decision.seed.hex() in shown
