"""`hongbao audit` on real journals and statements, from which somebody took, or to which somebody added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hongbao.settlement.v1 import events_pb2 as events
from services.cli.app import app
from services.cli.proofs.ledger.findings import NotedTip
from services.mesh.journal.port import Record
from services.mesh.shards.hashing import shard_of
from tests.integration.ledger_on_record import Ledger, copied, forged, play
from tests.integration.settlement_mesh import SHARDS, SPONSOR

HOME = shard_of(SPONSOR, SHARDS)
"""The shard whose records are altered: the sponsor's."""
TIP_NOTED = "the tip given"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """An evening on record, which no test may alter."""
    if request.param == "sqlite":
        ledger = Ledger(f"sqlite:{tmp_path_factory.mktemp('ledger')}")
    else:
        ledger = Ledger(request.getfixturevalue("postgres_module_url"))
    play(ledger.url)
    return ledger


@pytest.fixture
def ledger(played: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    with copied(played, tmp_path) as ledger:
        yield ledger


def test_what_nobody_altered_holds_and_proves_the_books(played: Ledger) -> None:
    audited = played.audit()
    assert audited.holds, audited
    assert audited.books is not None
    assert audited.books.sound
    assert audited.books.in_transit_fen == 0
    assert [shard.records for shard in audited.shards] == [
        len(played.records(shard)) for shard in range(SHARDS)
    ]
    assert [shard.statements_seq for shard in audited.shards] == [shard.records for shard in audited.shards]
    assert [shard.digest for shard in audited.shards] == [
        played.records(shard)[-1].digest for shard in range(SHARDS)
    ]


def _put(place: int, **fields: object) -> Callable[[list[Record]], None]:
    def alter(records: list[Record]) -> None:
        records[place] = replace(records[place], **fields)  # type: ignore[arg-type]  # fields of a record

    return alter


def _take_out(place: int) -> Callable[[list[Record]], None]:
    return lambda records: records.__delitem__(place)


def _take_out_and_close_the_gap(records: list[Record]) -> None:
    del records[4]
    records[:] = [replace(record, seq=seq) for seq, record in enumerate(records, start=1)]


def _put_in_between(records: list[Record]) -> None:
    records.insert(4, records[3])
    records[:] = [replace(record, seq=seq) for seq, record in enumerate(records, start=1)]


def _raise_the_deposit(records: list[Record]) -> None:
    event = events.SettlementEvent.FromString(records[0].payload)
    event.transfers[0].amount_fen += 1
    records[0] = replace(records[0], payload=event.SerializeToString())


def _go_back_in_time(records: list[Record]) -> None:
    records[5] = replace(records[5], time_ms=records[4].time_ms - 1)
    records[:] = forged(records, HOME)


ALTERED = [
    (_raise_the_deposit, "record 1 was altered: its payload or its time is not what its digest stands for"),
    (_put(4, time_ms=1), "record 5 was altered: its payload or its time is not what its digest stands for"),
    (_put(4, payload=b"\xff"), "record 5 was altered: its payload or its time is not"),
    (_put(4, digest=bytes(32)), "record 5 had its digest altered: what it says is as it was written"),
    (_put(4, digest=b""), "record 5 has lost its digest: what it says is as it was written"),
    (_put(4, digest=b"short"), "record 5 was altered: what is stored is no record"),
    (_put(-1, payload=b""), "was altered, or its digest was"),
    (_take_out(4), "record 5 is missing: the next one that is there is 6"),
    (_take_out(0), "record 1 is missing: the next one that is there is 2"),
    (_take_out(-1), "is missing, and all after it"),
    (_take_out_and_close_the_gap, "record 5 was altered or put in, or one before it was taken out"),
    (_put_in_between, "record 5 was altered or put in, or one before it was taken out"),
    (lambda records: records.insert(0, replace(records[0], seq=0)), "record 0 has no business there"),
    (lambda records: records.append(Record(len(records) + 1, 1, b"", 1 << 40)), "has lost its digest"),
    (_go_back_in_time, "record 6 is older than the one before it"),
]


@pytest.mark.parametrize(("alter", "named"), ALTERED, ids=[named[:40] for _, named in ALTERED])
def test_the_first_record_that_is_not_as_it_was_written_is_named(
    ledger: Ledger, alter: Callable[[list[Record]], None], named: str
) -> None:
    records = ledger.records(HOME)
    alter(records)
    ledger.store(HOME, records)
    audited = ledger.audit()
    assert not audited.holds
    assert audited.books is None
    (finding,) = audited.findings
    assert finding.shard == HOME
    assert named in str(finding)


def test_a_whole_new_chain_is_found_by_the_snapshot_and_by_a_tip_that_was_noted(ledger: Ledger) -> None:
    records = ledger.records(HOME)
    noted = NotedTip(HOME, len(records) - 1, records[-2].digest, TIP_NOTED)
    first = NotedTip(HOME, 1, records[0].digest, TIP_NOTED)
    assert ledger.findings(noted, first) == []
    _raise_the_deposit(records)
    ledger.store(HOME, forged(records, HOME))
    (finding,) = ledger.findings()
    assert f"has a snapshot in which bank_clearing:{HOME} differs" in finding
    snapshots = "journal_snapshots" if ledger.is_postgres else "snapshot"
    ledger.run(HOME, f"DELETE FROM {snapshots}")  # noqa: S608 - a constant
    assert ledger.findings(first) == [
        f"shard {HOME}, record 1 has another digest than the tip given has noted"
    ]
    (finding,) = ledger.findings(noted)
    assert finding.endswith(f"record {noted.seq} has another digest than the tip given has noted")
    # And by the statements, for whoever noted nothing: they still say what was paid in.
    (finding,) = ledger.findings()
    assert "has a statement" in finding


def test_a_journal_that_ends_before_a_tip_that_was_noted_has_lost_its_end(ledger: Ledger) -> None:
    noted = NotedTip(HOME, len(ledger.records(HOME)) + 3, bytes(32), TIP_NOTED)
    (finding,) = ledger.findings(noted)
    assert finding.endswith(f"is missing, and all after it: the tip given has noted record {noted.seq}")


def test_an_owner_who_tells_other_balances_than_its_journal_is_found(played: Ledger) -> None:
    told = played.audit().shards[HOME]
    assert told.books is not None
    right = NotedTip(HOME, told.records, told.digest, "the owner", told.books)
    assert played.findings(right) == []
    balances = tuple(replace(balance, balance_fen=balance.balance_fen + 1) for balance in told.books.balances)
    wrong = replace(right, books=replace(told.books, balances=balances))
    assert played.findings(wrong) == [
        f"shard {HOME}, record {told.records} leads to other balances than the owner tells"
    ]


def test_a_record_beyond_the_journals_head_was_put_in(ledger: Ledger) -> None:
    if not ledger.is_postgres:
        pytest.skip("a file has no head beside its rows")
    records = ledger.records(HOME)
    ledger.store(HOME, forged([*records, replace(records[-1], seq=len(records) + 1, payload=b"")], HOME))
    (finding,) = ledger.findings()
    assert f"record {len(records) + 1} was put in: the journal's head ends at {len(records)}" in finding


def test_a_snapshot_that_was_altered_is_found(ledger: Ledger) -> None:
    table = "journal_snapshots" if ledger.is_postgres else "snapshot"
    ledger.run(HOME, f"UPDATE {table} SET state = ?", (b"\xff",))  # noqa: S608 - a constant
    assert all("has a snapshot that cannot be read" in finding for finding in ledger.findings())
    assert ledger.findings()


def test_a_statement_that_was_altered_is_named_with_its_line(ledger: Ledger) -> None:
    ledger.run(
        HOME,
        "UPDATE ledger_entries SET amount_fen = amount_fen + 1 WHERE seq = 1 AND amount_fen > 0 AND run IN"
        " (SELECT run FROM ledger_runs WHERE shard = ?)",
        (HOME,),
    )
    (finding,) = ledger.findings()
    assert finding == (
        f"shard {HOME}, record 1 has a statement of sponsor:{SPONSOR} that differs in line 0:"
        " the entry says 10001 fen, the journal 10000 fen"
    )


def test_one_shard_alone_is_audited_without_the_others(ledger: Ledger) -> None:
    records = ledger.records(HOME)
    _raise_the_deposit(records)
    ledger.store(HOME, records)
    assert not ledger.audit(only=HOME).holds
    other = ledger.audit(only=1 - HOME)
    assert other.holds
    assert other.books is None
    assert len(other.shards) == 1


def test_the_command_says_how_it_went(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONGBAO_SETTLEMENT_SHARDS", str(SHARDS))
    good = CliRunner().invoke(app, ["audit", "--journal", ledger.url])
    assert good.exit_code == 0, good.output
    assert "the books that follow prove themselves" in good.output
    tip = f"{HOME}:{len(ledger.records(HOME))}:{ledger.records(HOME)[-1].digest.hex()}"
    assert f"--tip {tip}" in good.output.splitlines()
    assert CliRunner().invoke(app, ["audit", "--journal", ledger.url, "--tip", tip]).exit_code == 0
    records = ledger.records(HOME)
    _raise_the_deposit(records)
    ledger.store(HOME, records)
    altered = CliRunner().invoke(app, ["audit", "--journal", ledger.url])
    assert altered.exit_code == 1
    assert f"shard {HOME}, record 1 was altered" in altered.output


def test_a_shard_too_many_is_a_finding_of_its_own(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONGBAO_SETTLEMENT_SHARDS", "1")
    outcome = CliRunner().invoke(app, ["audit", "--journal", ledger.url])
    assert outcome.exit_code == 1
    assert "shard 1 has a journal, but there are fewer" in outcome.output


@pytest.mark.parametrize(
    "place", ["sqlite:{folder}", "postgresql:///nowhere?host={folder}&connect_timeout=2"]
)
def test_a_place_without_journals_cannot_be_audited(place: str, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["audit", "--journal", place.format(folder=tmp_path)])
    assert outcome.exit_code == 2
    assert "cannot be audited" in outcome.output
    assert list(tmp_path.iterdir()) == []
