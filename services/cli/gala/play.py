"""An evening from the first guest to the last fen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from services.cli.gala.acts.accounts import account_for_cards
from services.cli.gala.acts.cards import GameTimes, decided, figures_shown, give_and_complete, open_game
from services.cli.gala.acts.dealing import deal_for_shares, deal_for_taps
from services.cli.gala.acts.inviting import invite
from services.cli.gala.acts.late import Latecomers, join_accounts, verify_late
from services.cli.gala.acts.meeting import Compared, Met, compare, meet, part
from services.cli.gala.acts.money import spend
from services.cli.gala.acts.people import make_friends, sign_up
from services.cli.gala.acts.rounds import LEAD_S, play_round
from services.cli.gala.acts.settle import Settled, envelope_money, money_of, settled, wallets_fen
from services.cli.gala.acts.sharing import Shared, share_packets
from services.cli.gala.acts.verifying import verify_step_by_step
from services.cli.gala.apps.all import open_apps
from services.cli.gala.banking import Banking
from services.cli.gala.card_report import CardFigures
from services.cli.gala.evening import SPONSOR_ID, Evening
from services.cli.gala.figures import money_figures, sharing_figures
from services.cli.gala.logins import staying_in
from services.cli.gala.office import open_office
from services.cli.gala.people import give_entrances, give_parts, invent_people
from services.cli.gala.people_report import PeopleFigures, VerificationFigures
from services.cli.gala.players import Phones
from services.cli.gala.progress import Progress
from services.cli.gala.report import GalaReport, MoneyFigures, SharingFigures
from services.cli.gala.sharing import Sharing
from services.cli.gala.stage import Stage
from services.cli.gala.trace import SampledTrace, read_trace
from services.cli.gala.trading import Trading
from services.cli.local_mesh.lanes import player_channel
from services.cli.local_mesh.record import MeshRecord, RunningProcess
from services.cli.operator import Operator, connected
from services.cli.proofs.books import proof_of
from services.cli.proofs.draw import DrawProof, verify_round
from services.mesh.callgraph import OPERATOR, PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.settings import MeshSettings

_CLOSING_S = 1.5
"""What a round takes beyond its window: its creation and its closing."""
_SHARING_S = 2.0
"""What packets that are sent on, and the ledger's news of them, take in the smallest evening."""
_FRIENDSHIP_CALLS, _INVITATION_CALLS, _SIGN_UP_CALLS, _TRADING_CALLS = 2, 4, 3, 1.75
"""Calls for each friendship and invitation, and of a person who signs up, shares, and looks at cards."""
_TRACE_TIMEOUT_S = 15.0
_TRACE_SERVICES = {"gateway", "allocation", "settlement"}
_POLL_S = 0.25


class AlreadyPlayed(ServiceError):
    """The mesh knows the campaign: an evening can be played once. Metadata: `campaign_id`."""

    kind = ErrorKind.EXISTS
    domain = "hongbao.cli"
    reason = "ALREADY_PLAYED"


async def play(evening: Evening, mesh: MeshRecord, settings: MeshSettings, progress: Progress) -> GalaReport:
    """Plays the evening on a running mesh and reports. Raises `ServiceError` when the mesh refuses."""
    started_s = time.monotonic()
    progress.people, progress.rounds = evening.people, evening.rounds
    async with (
        connected(mesh.etcd_endpoint, settings) as operator,
        open_office(mesh.etcd_endpoint, settings) as office,
    ):
        apps = ChannelFactory(settings, PLAYER)
        try:
            ways = player_channel(apps, mesh)
            players = invent_people(evening.people, f"{evening.seed}:{evening.campaign_id}")
            give_parts(players, evening.late_guests, evening.second_accounts)
            give_entrances(players, evening.applicants, evening.invited)
            stage = Stage(
                evening=evening,
                players=players,
                operator=operator,
                phones=Phones(ways, evening.campaign_id),
                sharing=Sharing(ways, evening.campaign_id),
                banking=Banking(ways),
                trading=Trading(ways, evening.campaign_id),
                apps=open_apps(ways, evening.campaign_id),
                office=office,
                settlement_shards=settings.settlement_shards,
                progress=progress,
            )
            async with staying_in(players, stage.phones.stay_in):
                return await _evening(stage, mesh, settings, started_s)
        finally:
            await apps.close()


async def _evening(stage: Stage, mesh: MeshRecord, settings: MeshSettings, started_s: float) -> GalaReport:
    figures_before = await _gateway_figures(mesh, settings)
    books_before = await stage.operator.books()
    played = await _acts(stage)
    rounds, shared = played.rounds, played.shared
    ledger = await settled(stage, envelope_money(books_before), shared.shares_fen)
    spent = await spend(stage)
    stage.progress.act = "every amount is proven"
    proofs = [await verify_round(stage.operator, each) for each in rounds]
    figures = await _gateway_figures(mesh, settings)
    shard_books = await stage.operator.books()
    books = proof_of(shard_books, settings.settlement_shards)
    left_fen = await wallets_fen(stage)
    money = [money_of(each, stage.evening.campaign_id) for each in (books_before, shard_books)]
    return _report(
        stage,
        played,
        ledger,
        proofs,
        sharing=sharing_figures(shared, ledger),
        money=money_figures(played.late, spent, *money),
        people=await part(stage, played.verification, played.met, played.compared),
        taps=figures.taps - figures_before.taps,
        answered_at_gateway=figures.taps_answered_at_gateway - figures_before.taps_answered_at_gateway,
        wallets_fen=left_fen,
        books_difference_fen=books.difference_fen,
        processes=list(mesh.processes),
        trace=await _one_trace(Path(mesh.traces), stage.sampled_wins),
        duration_s=round(time.monotonic() - started_s, 3),
    )


@dataclass(frozen=True, slots=True)
class _Played:
    """What came of the acts."""

    rounds: Sequence[allocation.Round]
    game: cards.Game
    cards: CardFigures
    shared: Shared
    late: Latecomers
    verification: VerificationFigures
    met: Met
    compared: Compared


async def _acts(stage: Stage) -> _Played:
    evening, late = stage.evening, Latecomers()
    await _fund(stage.operator, evening)
    began_s = time.monotonic()
    await sign_up(stage)
    sign_up_s = time.monotonic() - began_s
    verification = await verify_step_by_step(stage)
    game = await open_game(stage, _times(evening, sign_up_s))
    async with figures_shown(stage):
        accepted = await invite(stage)
        await make_friends(stage)
        rounds = [await play_round(stage, number) for number in range(1, evening.rounds + 1)]
        for_taps = await deal_for_taps(stage, game)
        shared = await share_packets(stage)
        for_shares = await deal_for_shares(stage, game)
        await join_accounts(stage, late, game.deadline.ToDatetime(UTC))
        traded = await give_and_complete(stage, game)
        await verify_late(stage, late)
        met = await meet(stage)
        game = await decided(stage, game)
    compared = await compare(stage, met, game, accepted)
    dealt = for_taps, for_shares, compared.invitations.cards_dealt
    figures = await account_for_cards(stage, game, traded, late, dealt)
    return _Played(rounds, game, figures, shared, late, verification, met, compared)


def _times(evening: Evening, sign_up_s: float) -> GameTimes:
    # How fast this machine signs people up says how long it will take for what they do next.
    call_s = sign_up_s / (evening.people * _SIGN_UP_CALLS)
    friendships = evening.people * evening.friends_per_person
    return GameTimes(
        friends_s=(friendships * _FRIENDSHIP_CALLS + evening.invited * _INVITATION_CALLS) * call_s * 1.15,
        rounds_s=evening.rounds * (evening.round_seconds + LEAD_S + _CLOSING_S),
        trading_s=evening.people * _TRADING_CALLS * call_s + _SHARING_S + evening.card_seconds,
    )


async def _fund(operator: Operator, evening: Evening) -> None:
    if await operator.has_campaign(evening.campaign_id):
        raise AlreadyPlayed(
            f"{evening.campaign_id} was played on this mesh before; choose another --campaign, "
            f"or look at it with `hongbao verify {evening.campaign_id}`",
            campaign_id=evening.campaign_id,
        )
    await operator.deposit(SPONSOR_ID, evening.budget_fen + evening.pool_fen)
    await operator.create_campaign(
        evening.campaign_id, SPONSOR_ID, "Spring Festival gala", evening.budget_fen
    )


def _report(
    stage: Stage,
    played: _Played,
    ledger: Settled,
    proofs: Sequence[DrawProof],
    *,
    sharing: SharingFigures,
    money: MoneyFigures,
    people: PeopleFigures,
    taps: int,
    answered_at_gateway: int,
    wallets_fen: int,
    books_difference_fen: int,
    processes: Sequence[RunningProcess],
    trace: SampledTrace | None,
    duration_s: float,
) -> GalaReport:
    rounds, game = played.rounds, played.game
    return GalaReport(
        people=stage.evening.people,
        rounds=len(rounds),
        taps=taps,
        answered_at_gateway=answered_at_gateway,
        packets_won=sum(each.totals.packets_won for each in rounds),
        budget_fen=sum(each.budget_fen for each in rounds),
        won_fen=sum(each.totals.won_fen for each in rounds),
        seen_fen=sum(player.won_fen for player in stage.players),
        credited_fen=ledger.credited_fen,
        returned_fen=ledger.returned_fen,
        cards_dealt={kind.card: kind.issued for kind in played.cards.kinds},
        cards=played.cards,
        sets_completed=game.sets_completed,
        pool_fen=game.pool_fen,
        pool_paid_fen=ledger.pool_paid_fen,
        pool_remainder_fen=ledger.pool_remainder_fen,
        pool_returned_fen=ledger.pool_returned_fen,
        sharing=sharing,
        money=money,
        society=people,
        wallets_fen=wallets_fen,
        books_difference_fen=books_difference_fen,
        draw_verified=all(proof.holds for proof in proofs),
        packets_verified=sum(proof.packets for proof in proofs),
        processes=processes,
        trace=trace,
        duration_s=duration_s,
    )


async def _gateway_figures(mesh: MeshRecord, settings: MeshSettings) -> gateway.GetGatewayFiguresResponse:
    channels = ChannelFactory(settings, OPERATOR)
    try:
        stub = gateway_grpc.OperatorServiceStub(channels.channel(mesh.gateway_address))
        return await stub.GetGatewayFigures(gateway.GetGatewayFiguresRequest())
    finally:
        await channels.close()


async def _one_trace(folder: Path, trace_ids: Sequence[str]) -> SampledTrace | None:
    """The first recorded win that can be followed into the ledger; spans are written after they end."""
    found: SampledTrace | None = None
    for attempt in range(int(_TRACE_TIMEOUT_S / _POLL_S)):
        if not trace_ids:
            break
        found = read_trace(folder, trace_ids[attempt % len(trace_ids)])
        if found.services >= _TRACE_SERVICES:
            return found
        await asyncio.sleep(_POLL_S)
    return found
