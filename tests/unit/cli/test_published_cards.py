"""The published file of a card game: what holds, and that nothing in it can be changed unseen."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hongbao.cards.v1 import proof_pb2
from services.allocation.domain.proofs import Mismatch
from services.cards.domain.proof.proofs_contract import card_proof_message
from services.cards.domain.vocabulary import ShareMode
from services.cli.app import app
from services.cli.proofs.bounds import CARDS_MAX_DEFAULT, NotVerifiable
from services.cli.proofs.cards.audit import DeckSaid
from services.cli.proofs.cards.reading import VerifiedCards, verify_published_cards
from services.cli.proofs.files import proof_file, verify_file, verify_proof
from tests.unit.cli.published_cards import (
    DECKS,
    LIMITS,
    SEED,
    Dealt,
    a_proof,
    outcome_of,
    published,
    run_of,
    statement,
)

Line = dict[str, Any]
MODES = (ShareMode.EQUAL, ShareMode.LUCKY)
WHOLE = {mode: published(statement(share_mode=mode)) for mode in MODES}


def verify(text: bytes) -> VerifiedCards:
    return verify_published_cards(io.BytesIO(text))


def lines_of(text: bytes) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def file_of(lines: list[Line], *, resigned: bool = True) -> bytes:
    """The lines as a file; `resigned` with the digest that they have now, as a forger would."""
    *above, last = lines
    text = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in above)
    if resigned:
        last = {**last, "sha256": hashlib.sha256(text).hexdigest()}
    return text + json.dumps(last, separators=(",", ":")).encode() + b"\n"


def order_by_hand(shard: int, deck: int, kind_counts: tuple[int, ...]) -> str:
    """The rule of the draw as the README says it, without any of the code that draws."""
    key = hashlib.sha256(SEED + b"spring" + shard.to_bytes(4, "big")).digest()
    places = []
    for kind, count in enumerate(kind_counts, start=1):
        places += [kind] * count
    words = []
    for place in range(len(places)):
        block, lane = divmod(place, 8)
        content = hashlib.blake2b(deck.to_bytes(8, "big") + block.to_bytes(8, "big"), key=key).digest()
        words.append((content[8 * lane : 8 * lane + 8], place))
    return "".join(str(places[place]) for _, place in sorted(words))


@pytest.mark.parametrize("mode", MODES)
def test_a_game_that_was_played_as_committed_holds(mode: ShareMode) -> None:
    said = statement(share_mode=mode)
    verified = verify(WHOLE[mode])
    assert (verified.statement, verified.outcome) == (said, outcome_of(said))
    assert (verified.cards, verified.decks) == (36, 3)
    cards = [line for line in lines_of(WHOLE[mode]) if "cards" in line]
    for line, dealt in zip(cards, [deck for deck in DECKS if deck.by_source], strict=True):
        order = order_by_hand(dealt.deck.shard, dealt.deck.number, dealt.deck.kind_counts)
        assert order.startswith(line["cards"])


def test_a_game_in_which_nobody_got_a_card_holds() -> None:
    lines = [line for line in lines_of(WHOLE[ShareMode.EQUAL]) if "deck" not in line]
    for line in lines[1:3]:
        line.update({"leased": [0] * 5, "issued": [0] * 5, "dealt": [0] * 4, "sets_completed": 0})
    lines[-1].update({"sets_by_shard": [0, 0], "share_fen": 0, "remainder_fen": 1_000})
    assert verify(file_of(lines)).cards == 0


def test_a_file_is_cut_into_lines_that_fit_together() -> None:
    said = statement()
    for limit in said.plan.card_limits:
        limit.issue_limit = 10**6
    for quota in said.plan.source_quotas:
        quota.card_quota = 10**6
    dealt = Dealt(DeckSaid(0, 1, (9_000, 9_000, 9_000, 900, 5)), (20_001,))
    text = published(said, (dealt, DECKS[-1]))
    cut = [len(line["cards"]) for line in lines_of(text) if "cards" in line]
    assert cut == [10_000, 10_000, 1, 9]
    assert verify(text).cards == 20_010


# From 0: the heading, 1 to 5 decks and cards of shard 0, 6 its sums, 7 to 9 those of shard 1, 10 the outcome.
FORGED: list[tuple[int, str, Any, str]] = [
    (0, "format", "hongbao cards 2", "line 1: the file does not begin as"),
    (0, "campaign_id", "autumn", "line 3: card [0-9]+ of deck 1 of shard 0 is said"),
    (0, "campaign_id", "", "line 1: the campaign's id is empty"),
    (0, "seed_commitment", "00" * 32, "line 1: the revealed seed is not the one"),
    (0, "seed", "00" * 32, "line 1: the revealed seed is not the one"),
    (0, "seed", "00" * 31, "line 1: the seed has 31 bytes"),
    (0, "shard_count", 3, "line 11: shard 2 of 3 is missing"),
    (0, "shard_count", 1, "line 8: there is no shard 1, of 1 shards"),
    (0, "shard_count", 0, "line 1: no game has 0 shards"),
    (0, "shard_count", 1025, "line 1: no game has 1025 shards"),
    (0, "pool_fen", 1_001, "line 11: the remainder is said to be 1; the rule gives 2"),
    (0, "pool_fen", 0, "line 1: no game has a pool of 0 fen"),
    (0, "pool_fen", 10**13, "line 1: no game has a pool of"),
    (0, "share_mode", "LUCKY", "line 11: the luck of the sets of shard 0 does not fit LUCKY"),
    (0, "share_mode", "FAIR", "line 1: share_mode is neither"),
    (0, "plan", {}, "line 1: the plan is none: card_limits"),
    (0, "plan", [], "line 1: plan is not an object"),
    (0, "plan", {"cards": 5}, 'line 1: the plan is none: .*no field named "cards"'),
    (1, "shard", 1, "line 2: a deck of shard 1 stand where"),
    (1, "deck", 0, "line 2: no deck has the number 0"),
    (1, "deck", 2, "line 3: cards of deck 1 of shard 0 stand where it was not begun"),
    (1, "deck", 10**30, "line 2: no deck has the number"),
    (1, "kind_counts", [5, 5, 4, 2, 4], "line 3: card"),
    (1, "kind_counts", [6, 6, 4, 4], "line 2: kind_counts has 4 numbers, not 5"),
    (1, "kind_counts", [6, 6, 4, 5, -1], "line 2: kind_counts has a number below 0"),
    (1, "kind_counts", [0] * 5, "line 2: deck 1 has 0 cards"),
    (1, "kind_counts", [1 << 20, 0, 0, 0, 1], "line 2: deck 1 has 1048577 cards"),
    (1, "kind_counts", [3, 3, 2, 1, 1], "line 3: deck 1 of shard 0 has 10 cards, but card 10 of it"),
    (2, "shard", 1, "line 3: cards of shard 1 stand where those of shard 0 belong"),
    (2, "deck", 2, "line 3: cards of deck 2 of shard 0 stand where it was not begun"),
    (2, "place", 1, "line 3: after 0 cards of deck 1 of shard 0 comes number 1"),
    (2, "place", -1, "line 3: after 0 cards of deck 1 of shard 0 comes number -1"),
    (2, "cards", "", "line 3: a line has 1 to 10000 cards, not 0"),
    (2, "cards", "1" * 10_001, "line 3: a line has 1 to 10000 cards, not 10001"),
    (2, "cards", "1a", "line 3: cards has something else than digits"),
    (2, "cards", "福", "line 3: cards has something else than digits"),
    (2, "cards", 12, "line 3: cards is not a text"),
    (2, "sources", "11", "line 3: a run of cards has at least one"),
    (2, "sources", "1" * 19 + "0", "line 3: a card was dealt from a source that is none"),
    (2, "sources", "1" * 19 + "6", "line 3: a card was dealt from a source that is none"),
    (2, "sources", "1" * 20, "line 7: shard 0 is said to have dealt"),
    (5, "kind_counts", [2, 1, 1, 1, 1], "line 7: shard 0 is said to have leased"),
    (3, "deck", 1, "line 4: deck 1 of shard 0 comes after deck 1"),
    (6, "shard", 1, "line 7: the sums of shard 1 stand where those of shard 0 belong"),
    (
        6,
        "leased",
        [11, 11, 10, 8, 4],
        "line 7: shard 0 is said to have leased 11,11,10,8,4, it lists 11,11,10,8,5",
    ),
    (6, "issued", [8, 8, 6, 5, 1], "line 7: shard 0 is said to have issued"),
    (6, "dealt", [15, 11, 1, 0], "line 7: shard 0 is said to have dealt"),
    (6, "sets_completed", -1, "line 7: no shard has fewer sets than none"),
    (6, "sets_completed", 1, "line 11: the sets of all shards are said to be 2 at place 0; the rule gives 1"),
    (6, "sets_completed", 30, "line 11: there are 31 sets, but only [0-9] cards of one kind"),
    (6, "sets_by_luck", [1], "line 11: the luck of the sets of shard 0 does not fit EQUAL"),
    (10, "sets_by_shard", [1, 2], "line 11: the sets of all shards are said to be 1 at place 0"),
    (10, "sets_by_shard", [2], "line 11: the sets of all shards are said to be 1 numbers"),
    (10, "share_fen", 334, "line 11: the share is said to be 334; the rule gives 333"),
    (10, "remainder_fen", 0, "line 11: the remainder is said to be 0; the rule gives 1"),
    (10, "sets_by_luck", [3], "line 11: the sets by luck are said to be 1 numbers"),
    (10, "luck_shares_fen", [3], "line 11: the shares by luck are said to be 1 numbers"),
    (10, "shard_shares_fen", [3, 3], "line 11: the shares of all shards are said to be 2 numbers"),
]


@pytest.mark.parametrize(("line", "field", "value", "complaint"), FORGED)
def test_a_forged_field_is_named_even_with_a_new_digest(
    line: int, field: str, value: Any, complaint: str
) -> None:
    lines = lines_of(WHOLE[ShareMode.EQUAL])
    lines[line][field] = value
    with pytest.raises(Mismatch, match=complaint):
        verify(file_of(lines))


FORGED_LUCK: list[tuple[int, str, Any, str]] = [
    (0, "share_mode", "EQUAL", "line 11: the luck of the sets of shard 0 does not fit EQUAL"),
    (0, "pool_fen", 1_200, "line 11: the shares by luck are said to be .* at place 0"),
    (6, "sets_completed", 1, "line 11: shard 0 is said to have 1 sets, its luck is that of 2"),
    (6, "sets_by_luck", [2] + [0] * 198, "line 11: the sets by luck are said to be 0 at place 0"),
    (6, "sets_by_luck", [2] + [0] * 197, "line 11: the luck of the sets of shard 0 does not fit LUCKY"),
    (10, "share_fen", 333, "line 11: the share is said to be 333; the rule gives 0"),
    (10, "remainder_fen", 0, "line 11: the remainder is said to be 0"),
    (10, "shard_shares_fen", [999, 1], "line 11: the shares of all shards are said to be 999 at place 0"),
]


@pytest.mark.parametrize(("line", "field", "value", "complaint"), FORGED_LUCK)
def test_forged_luck_is_named(line: int, field: str, value: Any, complaint: str) -> None:
    lines = lines_of(WHOLE[ShareMode.LUCKY])
    lines[line][field] = value
    with pytest.raises(Mismatch, match=complaint):
        verify(file_of(lines))


@pytest.mark.parametrize("place", [0, 39, 99, 198])
def test_no_class_of_luck_can_be_given_a_fen_more(place: int) -> None:
    lines = lines_of(WHOLE[ShareMode.LUCKY])
    lines[10]["luck_shares_fen"][place] += 1
    with pytest.raises(
        Mismatch, match=f"line 11: the shares by luck are said to be [0-9]+ at place {place};"
    ):
        verify(file_of(lines))


@pytest.mark.parametrize("place", [0, 7, 19])
def test_the_very_card_that_was_changed_is_named(place: int) -> None:
    lines = lines_of(WHOLE[ShareMode.EQUAL])
    drawn = int(lines[2]["cards"][place])
    lines[2]["cards"] = lines[2]["cards"][:place] + str(drawn % 5 + 1) + lines[2]["cards"][place + 1 :]
    with pytest.raises(Mismatch, match=f"line 3: card {place} of deck 1 of shard 0 is said to be"):
        verify(file_of(lines))


def test_two_cards_cannot_change_their_places() -> None:
    lines = lines_of(WHOLE[ShareMode.EQUAL])
    cards = lines[2]["cards"]
    lines[2]["cards"] = cards[1] + cards[0] + cards[2:]
    with pytest.raises(Mismatch, match="line 3: card 0 of deck 1 of shard 0 is said to be FRIENDLINESS"):
        verify(file_of(lines))


@pytest.mark.parametrize("kind", range(5))
def test_not_one_card_more_than_the_limit_can_have_been_issued(kind: int) -> None:
    said = statement()
    issued = [0] * 5
    for dealt in DECKS:
        if dealt.by_source:
            for card in run_of(said, dealt).cards.tolist():
                issued[card - 1] += 1
    said.plan.card_limits[kind].issue_limit = issued[kind]
    assert verify(published(said)).cards == sum(issued)
    said.plan.card_limits[kind].issue_limit -= 1
    with pytest.raises(Mismatch, match=f"line [0-9]+: the limit of [A-Z]+ is {issued[kind] - 1}, and"):
        verify(published(said))
    assert said.plan.card_limits[kind].issue_limit < LIMITS[kind]


def test_not_one_card_more_than_the_quota_can_have_been_dealt() -> None:
    said = statement()
    said.plan.source_quotas[0].card_quota = 24
    assert verify(published(said)).cards == 36
    said.plan.source_quotas[0].card_quota = 23
    with pytest.raises(Mismatch, match="line 9: the quota of FRIEND is 23, and 24 were dealt up to here"):
        verify(published(said))
    del said.plan.source_quotas[1]
    with pytest.raises(Mismatch, match="line 3: the quota of TAP is 0, and 8 were dealt up to here"):
        verify(published(said))


def test_every_field_has_to_be_there_and_none_else() -> None:
    whole = lines_of(WHOLE[ShareMode.LUCKY])
    for number in (0, 1, 2, 6, 10):
        for field in whole[number]:
            lines = [dict(line) for line in whole]
            del lines[number][field]
            with pytest.raises(Mismatch, match=f"line {number + 1}: "):
                verify(file_of(lines, resigned=field != "sha256"))
        lines = [dict(line) for line in whole]
        lines[number]["more"] = 1
        with pytest.raises(Mismatch, match=f"line {number + 1}: there is no such thing as 'more'"):
            verify(file_of(lines))


@pytest.mark.parametrize("gone", [1, 2, 3, 4, 6, 7, 8, 9, 10])
def test_a_line_that_was_taken_out_is_missed(gone: int) -> None:
    lines = lines_of(WHOLE[ShareMode.EQUAL])
    del lines[gone]
    with pytest.raises(Mismatch, match="line"):
        verify(file_of(lines, resigned=gone != 10))


def test_nothing_follows_the_last_line() -> None:
    text = WHOLE[ShareMode.EQUAL]
    with pytest.raises(Mismatch, match="line 12: there is more after the last line"):
        verify(text + b"{}\n")
    with pytest.raises(Mismatch, match="line 11: the line is not complete"):
        verify(text[:-1])


def test_a_few_bytes_cannot_ask_for_more_work_than_was_allowed() -> None:
    said = statement()
    size = 1 << 20
    lines = lines_of(published(said))
    lines[1:2] = [{"shard": 0, "deck": 1, "kind_counts": [size, 0, 0, 0, 0]}]
    for number in range(2, CARDS_MAX_DEFAULT // size + 2):
        lines.insert(number, {"shard": 0, "deck": number, "kind_counts": [size, 0, 0, 0, 0]})
    with pytest.raises(NotVerifiable, match=r"its decks have more than 100,000,000 cards.*--cards-max"):
        verify(file_of(lines))
    with pytest.raises(NotVerifiable, match="more than 59 cards"):
        verify_published_cards(io.BytesIO(published(said)), cards_max=59)
    assert verify_published_cards(io.BytesIO(published(said)), cards_max=63).cards == 36


@given(mode=st.sampled_from(MODES), place=st.integers(min_value=0), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_no_byte_can_be_changed(mode: ShareMode, place: int, byte: int) -> None:
    whole = WHOLE[mode]
    text = bytearray(whole)
    place %= len(text)
    if text[place] == byte:
        byte ^= 1
    text[place] = byte
    if bytes(text).lower() == whole.lower() and whole[place:].find(b"sha256") < 0:
        return  # The digest itself in capital letters is the same digest.
    with pytest.raises(Mismatch, match="line"):
        verify(bytes(text))


def test_another_seed_gives_other_cards() -> None:
    said = statement()
    seed = bytes(32)
    other = replace(said, game=replace(said.game, seed=seed, seed_commitment=hashlib.sha256(seed).digest()))
    lines = lines_of(published(said))
    lines[0] = lines_of(published(other))[0]
    with pytest.raises(Mismatch, match=r"line 3: card [0-9]+ of deck 1 of shard 0 is said to be"):
        verify(file_of(lines))


def test_a_single_card_is_checked_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(proof_file(proof_pb2.ProveCardResponse(proof=card_proof_message(a_proof()))))
    assert verify_file(path) == a_proof()


FORGED_PROOFS: list[tuple[str, Any, str]] = [
    ("campaign_id", "autumn", "the card is said to be|the digest is of another proof"),
    ("campaign_id", "", "the campaign's id is empty"),
    ("seed_commitment", bytes(32), "not the one that was committed to"),
    ("seed", bytes(32), "not the one that was committed to"),
    ("shard_count", 3, "the digest is of another proof"),
    ("shard_count", -1, "no game has -1 shards"),
    ("shard", 1, "the card is said to be|the digest is of another proof"),
    ("shard", 2, "dealt by shard 2, of 2 shards"),
    ("deck_number", 3, "the card is said to be|the digest is of another proof"),
    ("deck_number", -1, "no deck has the number -1"),
    ("kind_counts", [5, 5, 5, 5, 0], "the card is said to be|the digest is of another proof"),
    ("kind_counts", [5, 5, 5], "does not have a number of cards for each of the 5 kinds"),
    ("kind_counts", [10**12, 1, 1, 1, 1], "has 1000000000004 cards"),
    ("place", 6, "the card is said to be|the digest is of another proof"),
    ("place", 20, "deck 2 has no place 20"),
    ("card", 5, "the card is said to be DEDICATION, the draw gives"),
    ("card", 9, "the card is said to be card 9, the draw gives"),
    ("digest", bytes(32), "the digest is of another proof"),
]


@pytest.mark.parametrize(("field", "value", "complaint"), FORGED_PROOFS)
def test_a_forged_proof_of_a_card_is_named(field: str, value: Any, complaint: str) -> None:
    proof = card_proof_message(a_proof())
    if isinstance(value, list):
        proof.kind_counts[:] = value
    else:
        setattr(proof, field, value)
    with pytest.raises(Mismatch, match=complaint):
        verify_proof(proof_file(proof_pb2.ProveCardResponse(proof=proof)).encode())


def test_the_command_says_how_a_game_went_and_needs_no_mesh(tmp_path: Path) -> None:
    whole = WHOLE[ShareMode.LUCKY]
    (tmp_path / "good").write_bytes(whole)
    (tmp_path / "forged").write_bytes(whole.replace(b'"place":0', b'"place":1', 1))
    (tmp_path / "mine").write_text(
        proof_file(proof_pb2.ProveCardResponse(proof=card_proof_message(a_proof())))
    )
    outcomes = {
        name: CliRunner().invoke(app, ["verify", str(tmp_path / name)]) for name in ("good", "forged", "mine")
    }
    assert {name: outcome.exit_code for name, outcome in outcomes.items()} == {
        "good": 0,
        "forged": 1,
        "mine": 0,
    }
    assert "36 cards of 3 decks, 3 sets share 10.00 yuan (lucky)" in outcomes["good"].output
    assert "line 3: after 0 cards of deck 1 of shard 0 comes number 1" in outcomes["forged"].output
    assert "card 5 of deck 2 of shard 0 is FRIENDLINESS, as committed" in outcomes["mine"].output
    mine = CliRunner().invoke(app, ["verify", str(tmp_path / "good"), "--person", "42"])
    key = hashlib.blake2b(b"spring", key=SEED, person=b"hongbao luck", digest_size=32).digest()
    word = hashlib.blake2b((42).to_bytes(8, "big"), key=key, digest_size=8).digest()
    luck = 1 + (int.from_bytes(word, "big") * 199 >> 64)
    share_fen = lines_of(whole)[10]["luck_shares_fen"][luck - 1]
    worth = f"person 42 has luck {luck} of 1 to 199: a set of theirs is worth {share_fen / 100:.2f} yuan"
    assert worth in mine.output.replace("\n", " ")
    other = CliRunner().invoke(app, ["verify", str(tmp_path / "mine"), "--person", "42"])
    assert (other.exit_code, "is no card game" in other.output) == (2, True)
    few = CliRunner().invoke(app, ["verify", str(tmp_path / "good"), "--cards-max", "10"])
    assert (few.exit_code, "more than 10 cards" in few.output) == (2, True)
