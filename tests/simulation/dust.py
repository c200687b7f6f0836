"""What must be true once the dust has settled."""

from __future__ import annotations

import asyncio
import io
from collections import Counter

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.cards.v1 import cards_pb2 as cards
from services.allocation.domain.proofs import Proof
from services.cli.commands.publish import write_round
from services.cli.gala.acts.settle import envelope_money
from services.cli.operator import Operator
from services.cli.proofs.books import proof_of
from services.cli.proofs.cards.mesh import OperatorProofs, verify_game
from services.cli.proofs.draw import verify_round
from services.cli.proofs.files import proof_file, verify_proof
from services.cli.proofs.reading import verify_published
from services.settlement.domain.books import Books
from tests.simulation.evening import BUDGET_FEN, CAMPAIGN, DEPOSIT_FEN, POOL_FEN, ROUNDS, SPONSOR, Evening
from tests.simulation.invariants import Invariants
from tests.simulation.processes import SHARDS

SETTLING_S_MAX = 60.0
"""How long everything may take that is on its way when the faults end, seconds."""
POLL_S = 0.5


async def settled(evening: Evening) -> Books:
    """Waits until rounds and game are closed and no money waits anywhere. Raises AssertionError."""
    mesh = evening.mesh
    ends_s = mesh.clock.monotonic_s() + SETTLING_S_MAX
    while True:
        waiting = await _waiting(evening)
        if not waiting:
            return proof_of(await evening.operator.books(), SHARDS["settlement"])
        assert mesh.clock.monotonic_s() < ends_s, f"{waiting} after {SETTLING_S_MAX} s without faults"
        await mesh.clock.sleep(POLL_S)


async def _waiting(evening: Evening) -> str:
    """What is not at rest yet; empty when all is."""
    for round_id in ROUNDS:
        if (await evening.operator.round(CAMPAIGN, round_id)).phase != allocation.ROUND_PHASE_CLOSED:
            return f"{round_id} is not closed"
    if (await evening.operator.game(CAMPAIGN)).phase != cards.GAME_PHASE_CLOSED:
        return "the game is not closed"
    books = proof_of(await evening.operator.books(), SHARDS["settlement"])
    if not all(campaign.settled for campaign in books.campaigns):
        return f"money waits: {books.campaigns}"
    await evening.world.invariants.look()
    sent = evening.world.invariants.envelopes.sent.values()
    if not all(envelope.has_ended for envelope in sent):
        return "an envelope has not ended"
    money = envelope_money(await evening.operator.books())
    if money.left_fen or money.paid_fen != sum(envelope.claimed_fen for envelope in sent):
        return f"money of envelopes waits: {money}"
    on_the_way = evening.world.invariants.cards.on_the_way
    return f"{len(on_the_way)} gifts are on their way" if on_the_way else ""


async def check_public(operator: Operator, played: allocation.Round) -> None:
    """What is published verifies by itself, and so does the proof of every packet, moved ones too."""
    file = io.BytesIO()
    digest = await write_round(operator, played, file)
    verified = verify_published(io.BytesIO(file.getvalue()))
    assert (verified.digest, verified.packets) == (digest, played.totals.packets_won)
    for shard in range(SHARDS["allocation"]):
        async for page in operator.packets(played.stock_id, shard):
            for person_id, drawn_shard in zip(page.person_ids, page.drawn_shards, strict=True):
                answer = await operator.proof(played.stock_id, person_id)
                proof = verify_proof(proof_file(answer).encode())
                assert isinstance(proof, Proof)
                assert (proof.shard, proof.drawn_shard) == (shard, drawn_shard)


async def check_packets(evening: Evening, invariants: Invariants) -> None:
    """Every acknowledged win is what the owner lists; amounts recompute from the revealed seeds."""
    told, listed = evening.world.told, dict[tuple[str, int], int]()
    for round_id in ROUNDS:
        played = await evening.operator.round(CAMPAIGN, round_id)
        proof = await verify_round(evening.operator, played)
        assert proof.holds, proof.complaint
        await check_public(evening.operator, played)
        for shard in range(SHARDS["allocation"]):
            async for page in evening.operator.packets(played.stock_id, shard):
                for person_id, amount_fen in zip(page.person_ids, page.amounts_fen, strict=True):
                    assert (played.stock_id, person_id) not in listed, "nobody won twice in a round"
                    listed[played.stock_id, person_id] = amount_fen
        totals = played.totals
        assert totals.won_fen + totals.returned_fen == played.budget_fen, "not a fen over or under the budget"
        assert totals.packets_won <= played.packet_count, "never more packets than the stock"
    assert told.wins.items() <= listed.items(), "every acknowledged win is exactly what the owner lists"
    assert listed == invariants.packets.wins(), "owners list what is on the disk"


async def restart_cards(evening: Evening) -> None:
    """Starts cards anew: that a disk has failed is noticed by who writes, and nobody does any more."""
    mesh = evening.mesh
    for process in mesh.living("cards"):
        await mesh.crash(process, in_flight_survives=True)
    async with asyncio.timeout(SETTLING_S_MAX):
        await mesh.whole()


async def check_cards(evening: Evening, invariants: Invariants) -> None:
    """Every card is where it should be, by the journals and by what people are shown."""
    rules, told = invariants.cards, evening.world.told
    game = await evening.operator.game(CAMPAIGN)
    issued = Counter({card.card: card.issued for card in game.cards})
    assert +issued == rules.issued, "the game counts every card"
    for card in game.cards:
        assert card.issued <= card.issue_limit, "the issue limit is hard"
    assert game.sets_completed == len(rules.completed), "the game counts every set"
    assert {rules.real(person_id) for person_id in told.sets} <= rules.completed_people
    assert told.gifts <= rules.gifts.keys()
    proof = await evening.operator.patiently(lambda: verify_game(OperatorProofs(evening.operator), game))
    assert proof.holds, proof.complaint
    assert proof.cards == rules.issued.total(), "every card recomputes from the revealed seed"
    for guest in evening.guests:
        hand = await guest.hand()
        expected = Counter({card: rules.hands[guest.person_id, card] for card in range(1, 6)})
        assert +hand == +expected, f"{guest.person_id} is shown {hand}, the journals say {expected}"
        assert told.friends_of(guest.person_id) <= await guest.friend_ids(), "friends stay friends"


async def check_envelopes(evening: Evening, invariants: Invariants) -> None:
    """Every acknowledged envelope and share is what the owners show, and what is on the disk."""
    rules, told = invariants.envelopes, evening.world.told
    assert told.envelopes <= {known for known, envelope in rules.sent.items() if envelope.is_opened}
    for (envelope_id, person_id), amount_fen in told.shares.items():
        assert rules.share_fen(envelope_id, person_id) == amount_fen
    shown = {
        envelope.envelope_id: envelope
        for correspondent in evening.correspondents
        for envelope in await correspondent.look_back()
    }
    assert shown.keys() == rules.sent.keys(), "people are shown what they sent, and nothing else"
    for envelope_id, envelope in rules.sent.items():
        known = shown[envelope_id]
        assert (known.claimed_fen, known.shares_claimed) == (envelope.claimed_fen, len(envelope.claimed))
        assert known.returned_fen == (envelope.returned_fen or 0)
    sent_on = [envelope for envelope in rules.sent.values() if envelope.is_opened]
    money = envelope_money(await evening.operator.books())
    assert money.left_fen == 0, "no money stays in an envelope that has ended"
    assert money.paid_fen == sum(envelope.claimed_fen for envelope in sent_on), "every share is paid once"
    assert money.held_fen - money.returned_fen == money.paid_fen, "what nobody claimed went back"


async def check_money(evening: Evening, invariants: Invariants, books: Books) -> None:
    """The books prove themselves, every wallet holds what its owner won, and the sponsor has the rest."""
    assert books.sound, books
    assert books.difference_fen == 0
    assert not books.in_transit_fen
    (campaign,) = books.campaigns
    wins, completed = invariants.packets.wins(), invariants.cards.completed
    rules = invariants.cards
    assert campaign.packets == len(wins)
    assert campaign.packets_fen == sum(wins.values())
    assert campaign.prizes_fen == sum(map(rules.share_fen, completed))
    people = invariants.people
    people.check_at_rest()
    returned_fen = sum(people.returned.values())
    assert campaign.wallets_fen == campaign.packets_fen + campaign.prizes_fen - returned_fen, (
        "wallets = packets + shares - what went back"
    )
    balances = {guest.person_id: await guest.balance_fen() for guest in evening.guests}
    for person_id, balance_fen in balances.items():
        won_fen = sum(
            people.kept_fen(winner, stock_id, amount_fen)
            for (stock_id, winner), amount_fen in wins.items()
            if people.real(winner) == person_id
        )
        share_fen = sum(
            people.kept_fen(completer, f"{CAMPAIGN}.pool", rules.share_fen(completer))
            for completer in completed
            if people.real(completer) == person_id
        )
        received_fen = invariants.envelopes.received_fen(person_id)
        given_fen = invariants.envelopes.given_fen(person_id)
        assert balance_fen == won_fen + share_fen + received_fen - given_fen, (
            f"{person_id} has {balance_fen}, not {won_fen} + {share_fen} + {received_fen} - {given_fen}"
        )
    assert sum(balances.values()) == campaign.wallets_fen, "every wallet belongs to a guest"
    pool_paid_fen = campaign.prizes_fen + campaign.remainder_fen
    assert pool_paid_fen == (POOL_FEN if completed else 0), "the pool is paid out exactly"
    left_fen = DEPOSIT_FEN - campaign.wallets_fen - campaign.remainder_fen
    assert await _sponsor_fen(evening) == left_fen, "what nobody won is the sponsor's"
    assert campaign.held_fen == BUDGET_FEN + POOL_FEN


async def _sponsor_fen(evening: Evening) -> int:
    return await evening.operator.balance_fen(f"sponsor:{SPONSOR}", SPONSOR)
