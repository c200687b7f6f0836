from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.proofs import Mismatch
from services.allocation.domain.proofs_contract import proof_message
from services.cli.proofs.audit import Run
from services.cli.proofs.bounds import NotVerifiable
from services.cli.proofs.files import proof_file, verify_file, verify_proof
from services.cli.proofs.reading import Verified, verify_published
from tests.unit.allocation.reference_draw import reference_draw
from tests.unit.cli.published_rounds import (
    BEACON,
    DRAND,
    SEED,
    a_proof,
    published,
    run,
    statement,
    three_runs,
)

Line = dict[str, Any]


def verify(text: bytes) -> Verified:
    return verify_published(io.BytesIO(text))


def lines_of(text: bytes) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def file_of(lines: list[Line], *, resigned: bool) -> bytes:
    """The lines as a file; `resigned` with the digest that they have now, as a forger would."""
    *above, last = lines
    text = b"".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for line in above
    )
    if resigned:
        last = {**last, "sha256": hashlib.sha256(text).hexdigest()}
    return text + json.dumps(last, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize("beacon", ["", DRAND])
def test_a_round_that_was_played_as_committed_holds(beacon: str) -> None:
    said = statement(beacon=beacon)
    verified = verify(published(said, three_runs(said)))
    assert (verified.packets, verified.packets_moved) == (25, 3)
    assert verified.heading.statement == said
    drawn = [
        reference_draw(SEED, said.stock_id, shard, 20, 3340, 1, 880, BEACON if beacon else None)
        for shard in (0, 1)
    ]
    assert verified.won_fen == sum(drawn[0][:15]) + sum(drawn[1][17:]) + sum(drawn[1][:7])


def test_a_round_that_nobody_won_from_holds() -> None:
    said = statement()
    assert verify(published(said, [])).packets == 0


def test_a_round_whose_beacon_never_came_holds_when_nobody_won_from_it() -> None:
    said = replace(statement(beacon=DRAND), beacon_value=b"")
    assert verify(published(said, [])).packets == 0


def test_nobody_can_have_won_without_the_value_of_the_beacon() -> None:
    said = statement(beacon=DRAND)
    lines = lines_of(published(said, three_runs(said)))
    lines[0]["beacon_value"] = ""
    with pytest.raises(Mismatch, match="line 2: nothing can be won without the value"):
        verify(file_of(lines, resigned=True))


def test_a_file_is_cut_into_lines_that_fit_together() -> None:
    said = statement(packet_count=50_000, shard_count=1)
    text = published(said, [run(said, 0, 0, 0, 0, 25_001)])
    assert [len(line["amounts_fen"]) for line in lines_of(text)[1:4]] == [10_000, 10_000, 5_001]
    assert verify(text).packets == 25_001


FORGED: list[tuple[int, str, Any, str]] = [
    (0, "format", "hongbao round 2", "line 1: the file does not begin as"),
    (0, "stock_id", "spring.round-2", "line 2: packet 0 of shard 0"),
    (0, "draw_rule", 2, "line 1: rule 2 of the draw needs an announced beacon"),
    (0, "draw_rule", 3, "line 1: there is no rule 3"),
    (0, "seed_commitment", "00" * 32, "line 1: the revealed seed is not the one"),
    (0, "seed", "00" * 32, "line 1: the revealed seed is not the one"),
    (0, "seed", "00" * 31, "line 1: the seed has 31 bytes"),
    (0, "beacon", DRAND, "line 1: rule 1 of the draw has no beacon"),
    (0, "beacon_value", "00" * 32, "line 1: rule 1 of the draw has no beacon"),
    (0, "shard_count", 4, "line 2: the draw of shard 0 has no packet 14"),
    (0, "shard_count", 41, "line 1: 40 packets cannot be split over 41 shards"),
    (0, "packet_count", 41, "line 2: packet 0 of shard 0"),
    (0, "packet_count", 10**10, "line 1: there are more packets"),
    (0, "shard_count", 1025, "line 1: 1025 shards are more than any round may have"),
    (0, "budget_fen", 6681, "line 5: packet 4 of shard 1"),
    (0, "budget_fen", 10**9, "line 1: the budget cannot be paid out"),
    (0, "packet_min_fen", 2, "line 2: packet 0 of shard 0"),
    (0, "packet_max_fen", 800, "line 2: packet 0 of shard 0"),
    (1, "shard", 1, "line 2: packets of shard 1 stand where those of shard 0 belong"),
    (1, "packet_index", 1, "line 2: after 0 packets of shard 0 comes number 1"),
    (1, "drawn_shard", 1, "line 2: packet 0 of shard 0"),
    (1, "drawn_shard", 2, "line 2: there is no draw of shard 2"),
    (1, "drawn_index", 1, "line 2: packet 0 of shard 0"),
    (1, "drawn_index", -1, "line 2: the draw of shard 0 has no packet -1"),
    (2, "drawn_index", 18, "line 3: the draw of shard 1 has no packet 20"),
    (1, "amounts_fen", [], "line 2: a line has 1 to 10000 amounts, not 0"),
    (1, "amounts_fen", ["5"], "line 2: amounts_fen is not a list of whole numbers"),
    (1, "amounts_fen", [1.5], "line 2: amounts_fen is not a list of whole numbers"),
    (1, "amounts_fen", [[5]], "line 2: amounts_fen is not a list of whole numbers"),
    (3, "shard", 1, "line 4: the sums of shard 1 stand where those of shard 0 belong"),
    (3, "packets_won", 17, "line 4: shard 0 is said to have 17 winners, it lists 18"),
    (3, "won_fen", 1, "line 4: shard 0 is said to have given 1 fen"),
    (3, "won_fen", 1.0, "line 4: won_fen is not a whole number"),
    (6, "packets_won", 24, "line 7: the totals say 24 packets were won, 25 are listed"),
    (6, "won_fen", 1, "line 7: the totals say 1 fen were won"),
    (6, "returned_fen", 0, "line 7: the totals say 0 fen were returned"),
]


@pytest.mark.parametrize(("line", "field", "value", "complaint"), FORGED)
def test_a_forged_field_is_named_even_with_a_new_digest(
    line: int, field: str, value: Any, complaint: str
) -> None:
    said = statement()
    lines = lines_of(published(said, three_runs(said)))
    lines[line][field] = value
    with pytest.raises(Mismatch, match=complaint):
        verify(file_of(lines, resigned=True))


@pytest.mark.parametrize("place", [0, 7, 14])
def test_the_very_packet_that_was_changed_is_named(place: int) -> None:
    said = statement()
    lines = lines_of(published(said, three_runs(said)))
    drawn = lines[1]["amounts_fen"][place]
    lines[1]["amounts_fen"][place] += 1
    complaint = f"packet {place} of shard 0, {place} of the draw of shard 0, is said to be {drawn + 1} fen"
    with pytest.raises(Mismatch, match=f"line 2: {complaint}; the draw gives {drawn}"):
        verify(file_of(lines, resigned=True))


def test_another_value_of_the_beacon_gives_other_amounts() -> None:
    said = statement(beacon=DRAND)
    lines = lines_of(published(said, three_runs(said)))
    lines[0]["beacon_value"] = "00" * 32
    with pytest.raises(Mismatch, match="line 2: packet 0 of shard 0"):
        verify(file_of(lines, resigned=True))


def test_no_packet_is_won_twice() -> None:
    said = statement()
    runs = [run(said, 0, 0, 0, 0, 9), run(said, 0, 9, 0, 8, 3), run(said, 1, 0, 1, 0, 1)]
    with pytest.raises(Mismatch, match="line 3: packet 8 of the draw of shard 0 was won twice"):
        verify(published(said, runs))


def test_every_field_has_to_be_there_and_none_else() -> None:
    said = statement()
    whole = lines_of(published(said, three_runs(said)))
    for number in (0, 1, 3, 6):
        for field in whole[number]:
            lines = [dict(line) for line in whole]
            del lines[number][field]
            with pytest.raises(Mismatch, match=f"line {number + 1}: "):
                verify(file_of(lines, resigned=field != "sha256"))
        lines = [dict(line) for line in whole]
        lines[number]["more"] = 1
        with pytest.raises(Mismatch, match=f"line {number + 1}: there is no such thing as 'more'"):
            verify(file_of(lines, resigned=True))


def test_packets_of_a_shard_that_is_none_are_no_packets() -> None:
    said = statement()
    lines = lines_of(published(said, three_runs(said)))
    more = run(said, 2, 0, 0, 15, 5)
    lines.insert(
        6,
        {
            "shard": 2,
            "packet_index": 0,
            "drawn_shard": 0,
            "drawn_index": 15,
            "amounts_fen": more.amounts_fen.tolist(),
        },
    )
    with pytest.raises(Mismatch, match="line 7: there is no shard 2, of 2 shards"):
        verify(file_of(lines, resigned=True))


def test_half_a_character_is_no_text() -> None:
    text = published(statement(), []).replace(b"spring.round-1", rb"spring.\ud800", 1)
    with pytest.raises(Mismatch, match="line 1: stock_id is no text that could be written"):
        verify(text)


def test_a_field_stands_once_on_its_line() -> None:
    text = published(statement(), []).replace(b'"format":', b'"seed":"00","format":', 1)
    with pytest.raises(Mismatch, match="line 1: a field stands twice"):
        verify(text)


@pytest.mark.parametrize("packets", [100_000_001, 4_000_000_000])
def test_a_few_bytes_cannot_ask_for_more_work_than_was_allowed(tmp_path: Path, packets: int) -> None:
    said = replace(statement(), packet_count=packets, budget_fen=packets * 167, shard_count=1)
    path = tmp_path / "file"
    path.write_bytes(published(said, []))
    with pytest.raises(NotVerifiable, match=f"it claims {packets:,} packets.*--packets-max {packets}"):
        verify_file(path)
    proof = proof_message(a_proof())
    proof.packet_count, proof.budget_fen = said.packet_count, said.budget_fen
    path.write_text(proof_file(allocation.GetProofResponse(proof=proof)))
    with pytest.raises(NotVerifiable, match=f"it claims {packets:,} packets"):
        verify_file(path)


def test_no_more_memory_is_taken_than_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = 90_000_000
    said = replace(statement(), packet_count=packets, budget_fen=packets * 167, shard_count=1)
    path = tmp_path / "file"
    path.write_bytes(published(said, []))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2 << 30))
    with pytest.raises(NotVerifiable, match="takes 2918 MiB of memory, and 2048 are free"):
        verify_file(path)
    path.write_bytes(published(replace(said, shard_count=16), []))
    assert isinstance(verify_file(path), Verified)


def test_who_allows_more_packets_gets_them_recomputed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(published(statement(), three_runs(statement())))
    with pytest.raises(NotVerifiable, match="to allow more than 39, say --packets-max 40"):
        verify_file(path, packets_max=39)
    assert isinstance(verify_file(path, packets_max=40), Verified)


@pytest.mark.parametrize("gone", range(1, 7))
def test_a_line_that_was_taken_out_is_missed(gone: int) -> None:
    said = statement()
    lines = lines_of(published(said, three_runs(said)))
    del lines[gone]
    resigned = gone != 6
    with pytest.raises(Mismatch, match="line"):
        verify(file_of(lines, resigned=resigned))


def test_nothing_follows_the_last_line() -> None:
    said = statement()
    text = published(said, three_runs(said))
    with pytest.raises(Mismatch, match="line 8: there is more after the last line"):
        verify(text + b"{}\n")
    with pytest.raises(Mismatch, match="line 7: the line is not complete"):
        verify(text[:-1])


@given(place=st.integers(min_value=0), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_no_byte_can_be_changed(place: int, byte: int) -> None:
    text = bytearray(WHOLE)
    place %= len(text)
    if text[place] == byte:
        byte ^= 1
    text[place] = byte
    if bytes(text).lower() == WHOLE.lower() and WHOLE[place:].find(b"sha256") < 0:
        return  # The digest itself in capital letters is the same digest.
    with pytest.raises(Mismatch, match="line"):
        verify(bytes(text))


WHOLE = published(statement(beacon=DRAND), three_runs(statement(beacon=DRAND)))


@pytest.mark.parametrize("beacon", ["", DRAND])
def test_a_single_packet_is_checked_alone(beacon: str) -> None:
    proof = a_proof(beacon=beacon)
    text = proof_file(allocation.GetProofResponse(proof=proof_message(proof)))
    assert verify_proof(text.encode()) == proof


FORGED_PROOFS: list[tuple[dict[str, Any], str]] = [
    ({"stock_id": "spring.round-2"}, "the packet is said to be"),
    ({"draw_rule": 2}, "needs an announced beacon"),
    ({"seed_commitment": bytes(32)}, "not the one that was committed to"),
    ({"seed": bytes(32)}, "not the one that was committed to"),
    ({"beacon": DRAND}, "rule 1 of the draw has no beacon"),
    ({"beacon_value": BEACON}, "rule 1 of the draw has no beacon"),
    ({"shard_count": 4}, "has no packet 18"),
    ({"packet_count": 41}, "the packet is said to be"),
    ({"budget_fen": 10**6}, "the budget cannot be paid out"),
    ({"packet_min_fen": 100}, "the packet is said to be"),
    ({"packet_max_fen": 500}, "the packet is said to be"),
    ({"packet_max_fen": 881}, "digest is of another proof|the packet is said to be"),
    ({"shard": 2}, "won on shard 2"),
    ({"shard": 1}, "the digest is of another proof"),
    ({"packet_index": 17}, "the digest is of another proof"),
    ({"packet_index": -1}, "no shard has a place -1"),
    ({"drawn_shard": 0}, "the packet is said to be"),
    ({"drawn_shard": 2}, "the draw of shard 2"),
    ({"drawn_index": 17}, "the packet is said to be"),
    ({"amount_fen": 1}, "the packet is said to be 1 fen"),
    ({"digest": bytes(32)}, "the digest is of another proof"),
]


@pytest.mark.parametrize(("change", "complaint"), FORGED_PROOFS)
def test_a_forged_proof_is_named(change: dict[str, Any], complaint: str) -> None:
    message = proof_message(a_proof())
    for field, value in change.items():
        setattr(message, field, value)
    with pytest.raises(Mismatch, match=complaint):
        verify_proof(proof_file(allocation.GetProofResponse(proof=message)).encode())


def test_a_proof_s_digest_is_what_the_readme_says() -> None:
    proof = a_proof(beacon=DRAND)
    lines = [
        "stock_id=spring.round-1",
        "draw_rule=2",
        f"seed_commitment={hashlib.sha256(SEED).hexdigest()}",
        f"seed={SEED.hex()}",
        f"beacon={DRAND}",
        f"beacon_value={BEACON.hex()}",
        "shard_count=2",
        "packet_count=40",
        "budget_fen=6680",
        "packet_min_fen=1",
        "packet_max_fen=880",
        "shard=0",
        "packet_index=16",
        "drawn_shard=1",
        "drawn_index=18",
        f"amount_fen={proof.amount_fen}",
    ]
    assert proof.digest == hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).digest()


def test_every_field_of_a_proof_is_under_its_digest() -> None:
    proof = a_proof(beacon=DRAND)
    digests = {proof.digest}
    for field in ("shard", "packet_index", "drawn_shard", "drawn_index", "amount_fen"):
        digests.add(replace(proof, **{field: getattr(proof, field) + 1}).digest)
    said = proof.statement
    for field in said.__dataclass_fields__:
        value = getattr(said, field)
        other = value + 1 if isinstance(value, int) else value[:-1]
        changed = replace(said, **{field: other})  # type: ignore[arg-type]  # another of its kind
        digests.add(replace(proof, statement=changed).digest)
    assert len(digests) == 1 + 5 + len(said.__dataclass_fields__)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"hello", b'{"proof": 1}', b"[" * 100_000, b"\xff\xfe"])
def test_other_files_are_told_apart(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    with pytest.raises(NotVerifiable, match="neither a published round or card game nor the proof"):
        verify_file(path)


def test_a_forger_who_swaps_two_packets_is_found() -> None:
    said = statement()
    drawn = said.draw(0).astype(np.int64)[:15]
    first, second = 0, int(np.flatnonzero(drawn != drawn[0])[0])
    drawn[[first, second]] = drawn[[second, first]]
    with pytest.raises(Mismatch, match="line 2: packet 0 of shard 0"):
        verify(published(said, [Run(0, 0, 0, 0, drawn)]))
