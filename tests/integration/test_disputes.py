"""Disputes at the real service: on every storage, over a crash, and with a statement that was altered."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hongbao.settlement.v1 import (
    dispute_events_pb2,
    disputes_pb2,
    disputes_pb2_grpc,
    events_pb2,
    settlement_pb2,
    statements_pb2,
    transfers_pb2,
    transfers_pb2_grpc,
)
from services.cli.commands.disputes import approve_dispute, decide_dispute, show_dispute, show_queue
from services.cli.operator import Operator
from services.mesh.errors import ServiceError
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.hashing import shard_of
from services.mesh.timestamps import timestamp
from services.settlement.adapters.statements.sqlite import place_of
from services.settlement.adapters.statements.store import StatementStore
from tests.integration.settlement_mesh import SHARDS, SPONSOR, SettlementMesh
from tests.integration.settlement_storage import Storage, storage

__all__ = ["storage"]

PERSON = 1
SHARD = shard_of(PERSON, SHARDS)
ENTRY_FEN = 500
ADJUSTMENT = events_pb2.TRANSFER_CODE_ADJUSTMENT
FUND = events_pb2.TRANSFER_CODE_FUND_COMPENSATION


async def test_what_is_owed_is_paid_once_when_the_fund_has_it_whatever_crashes(storage: Storage) -> None:
    async with storage.mesh() as mesh:
        await mesh.start("a")
        await _entry(mesh)
        opened = await _disputes(mesh).OpenDispute(open_request(mesh))
        decision = disputes_pb2.DecideDisputeRequest(
            request_id=uuid(20),
            dispute_id=opened.dispute.dispute_id,
            operator="wang",
            decision=dispute_events_pb2.DISPUTE_DECISION_PAY,
            amount_fen=200,
            reason="确实少了",
        )
        decided = await _disputes(mesh).DecideDispute(decision)
        assert decided.dispute.state == dispute_events_pb2.DISPUTE_STATE_APPROVED
        await mesh.crash("a")
        await mesh.start("b", epoch=2)
        # Whoever did not hear the answers asks again.
        again = await _disputes(mesh).OpenDispute(open_request(mesh))
        assert again.dispute.dispute_id == opened.dispute.dispute_id
        assert (await _disputes(mesh).DecideDispute(decision)).dispute.state == decided.dispute.state
        await _move(
            mesh, 30, "bank_clearing", f"compensation:{SHARD}", events_pb2.TRANSFER_CODE_FUND_COMPENSATION
        )
        await mesh.until(lambda: _is_paid(mesh, opened.dispute.dispute_id), "the dispute is paid")
        await mesh.crash("b")
        await mesh.start("c", epoch=3)
        assert (await _disputes(mesh).DecideDispute(decision)).dispute.payment.amount_fen == 200
        await mesh.pass_time(2)
        assert await mesh.wallet(PERSON) == ENTRY_FEN + 200
        assert await mesh.balance(f"compensation:{SHARD}", SHARD) == ENTRY_FEN - 200
        books = await mesh.books()
        assert books.sound, books.lines
        paid = [line.left_fen for line in books.lines if line.statement == "disputes: paid = posted"]
        assert paid == [200]
        assert await _listed(mesh) == [
            (events_pb2.TRANSFER_CODE_COMPENSATION, 200),
            (events_pb2.TRANSFER_CODE_ADJUSTMENT, ENTRY_FEN),
        ]


async def test_an_entry_that_was_altered_in_the_statement_is_not_paid_for(tmp_path: Path) -> None:
    statements = f"sqlite:{tmp_path}"
    async with SettlementMesh(MemoryStore, lambda settings: StatementStore(statements, settings)) as mesh:
        await mesh.start()
        await _entry(mesh)
        assert await _listed(mesh) == [(events_pb2.TRANSFER_CODE_ADJUSTMENT, ENTRY_FEN)]
        with sqlite3.connect(place_of(tmp_path, SHARD)) as altered:
            changed = altered.execute(
                "UPDATE ledger_entries SET amount_fen = 900 WHERE account = ? AND seq = 2", (PERSON,)
            )
            assert changed.rowcount == 1
        altered.close()
        with pytest.raises(ServiceError, match="ENTRY_CONTRADICTED"):
            await _disputes(mesh).OpenDispute(open_request(mesh))
        assert not (await _disputes(mesh).ListQueue(disputes_pb2.ListQueueRequest(shard=SHARD))).disputes


async def test_a_queue_is_read_page_by_page() -> None:
    async with SettlementMesh() as mesh:
        await mesh.start()
        await _entry(mesh)
        others = [person_id for person_id in range(2, 12) if shard_of(person_id, SHARDS) == SHARD][:3]
        for person_id in others:
            await _move(mesh, 40 + person_id, f"sponsor:{SPONSOR}", f"wallet:{person_id}", ADJUSTMENT)
        queue, opened = disputes_pb2.ListQueueRequest(shard=SHARD, page_size=1), []
        for seq, person_id in enumerate([PERSON, *others], start=2):
            request = open_request(mesh, person_id, seq)
            opened.append((await _disputes(mesh).OpenDispute(request)).dispute.dispute_id)
        assert len(opened) == 4
        read = []
        while True:
            page = await _disputes(mesh).ListQueue(queue)
            read += [dispute.dispute_id for dispute in page.disputes]
            if not page.next_page_token:
                break
            queue.page_token = page.next_page_token
        assert read == opened


async def test_what_people_wrote_does_nothing_to_an_operators_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with SettlementMesh() as mesh:
        await mesh.start()
        await _entry(mesh)
        request = open_request(mesh)
        request.claim.text = "[/b]\x1b[2Jnothing\n2026-02-07  operator li: approve"
        dispute_id = (await _disputes(mesh).OpenDispute(request)).dispute.dispute_id
        maps: Any = {"settlement": mesh.map}
        operator = Operator(mesh.settings("operator"), mesh.operator, maps)
        await decide_dispute(operator, SHARDS, dispute_id, "[/wang]\x1b", 0, "[/x]")
        await show_queue(operator, SHARDS, [], PERSON, 10)
        await show_dispute(operator, SHARDS, dispute_id)
        told = capsys.readouterr().out
        assert "[/b]\\x1b[2Jnothing\\n2026-02-07  operator li: approve" in told
        assert "[/wang]\\x1b" in told
        assert "\x1b" not in told


async def test_operators_see_the_queue_and_decide_with_two_pairs_of_eyes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with SettlementMesh(dispute_approval_above_fen=100) as mesh:
        await mesh.start()
        await _entry(mesh)
        await _move(mesh, 30, "bank_clearing", f"compensation:{SHARD}", FUND)
        dispute_id = (await _disputes(mesh).OpenDispute(open_request(mesh))).dispute.dispute_id
        maps: Any = {"settlement": mesh.map}
        operator = Operator(mesh.settings("operator"), mesh.operator, maps)
        awaiting = dispute_events_pb2.DISPUTE_STATE_AWAITING_APPROVAL

        await decide_dispute(operator, SHARDS, dispute_id, "wang", 300, "[确实]少了")
        assert f"dispute {dispute_id}: awaiting approval, 0 min old" in capsys.readouterr().out
        await show_queue(operator, SHARDS, [awaiting], None, 10)
        listed = capsys.readouterr().out
        assert dispute_id in listed
        assert "3.00" in listed
        with pytest.raises(ServiceError, match="OPERATOR_SAME"):
            await approve_dispute(operator, SHARDS, dispute_id, "wang", "我自己", declines=False)
        await approve_dispute(operator, SHARDS, dispute_id, "li", "复核无误", declines=False)
        capsys.readouterr()
        await show_queue(operator, SHARDS, [], None, 10)
        assert dispute_id not in capsys.readouterr().out, "the queue is empty by default when all is decided"
        await show_queue(operator, SHARDS, [], PERSON, 10)
        assert dispute_id in capsys.readouterr().out
        await show_dispute(operator, SHARDS, dispute_id)
        told = capsys.readouterr().out.splitlines()
        assert told[1] == f"about 5.00 yuan from sponsor:{SPONSOR} (adjustment)"
        assert [line.partition("UTC  ")[2] for line in told[4:]] == [
            "person: opened: 少了两元",
            "operator wang: pay 3.00 yuan: [确实]少了",
            "operator li: approve: 复核无误",
            "",
        ]
        assert told[-1] == f"    3.00 yuan by fund, dispute:{dispute_id}"


async def _entry(mesh: SettlementMesh) -> None:
    """One entry in the person's statement: line 0 of event 2."""
    await mesh.stub(SPONSOR).Deposit(
        settlement_pb2.DepositRequest(request_id=uuid(10), sponsor_id=SPONSOR, amount_fen=100 * ENTRY_FEN)
    )
    await _move(mesh, 11, f"sponsor:{SPONSOR}", f"wallet:{PERSON}", ADJUSTMENT)


async def _move(
    mesh: SettlementMesh,
    number: int,
    debit: str,
    credit: str,
    code: events_pb2.TransferCode.ValueType,
) -> None:
    item = transfers_pb2.TransferItem(
        transfer_id=uuid(number),
        debit_account_id=f"bank_clearing:{SHARD}" if debit == "bank_clearing" else debit,
        credit_account_id=credit,
        amount_fen=ENTRY_FEN,
        code=code,
    )
    request = transfers_pb2.CreateTransfersRequest(
        shard=SHARD, items=[item], request_ends_at=timestamp(mesh.clock.now_ms() + 60_000), operator="zhao"
    )
    channel = mesh.operator.channel(_address(mesh))
    answer = await transfers_pb2_grpc.TransferServiceStub(channel).CreateTransfers(request)
    assert answer.results[0].status == transfers_pb2.TRANSFER_STATUS_CREATED


def open_request(
    mesh: SettlementMesh, person_id: int = PERSON, seq: int = 2
) -> disputes_pb2.OpenDisputeRequest:
    """The same for the same person, whenever it is made."""
    return disputes_pb2.OpenDisputeRequest(
        request_id=uuid(1),
        request_ends_at=timestamp(mesh.clock.now_ms() + 60_000),
        person_id=person_id,
        entry_seq=seq,
        entry_line=0,
        claim=dispute_events_pb2.DisputeEvidence(text="少了两元"),
    )


async def _is_paid(mesh: SettlementMesh, dispute_id: str) -> bool:
    answer = await _disputes(mesh).GetDispute(disputes_pb2.GetDisputeRequest(dispute_id=dispute_id))
    return answer.dispute.state == dispute_events_pb2.DISPUTE_STATE_PAID


async def _listed(mesh: SettlementMesh) -> list[tuple[int, int]]:
    """Code and amount of the entries in the person's statement, the newest first."""
    request = statements_pb2.ListEntriesRequest(account_id=f"wallet:{PERSON}")
    answer = await mesh.statements(SHARD).ListEntries(request)
    return [(entry.code, entry.amount_fen) for entry in answer.entries]


def _disputes(mesh: SettlementMesh) -> disputes_pb2_grpc.DisputeServiceAsyncStub:
    return disputes_pb2_grpc.DisputeServiceStub(mesh.operator.channel(_address(mesh)))


def _address(mesh: SettlementMesh) -> str:
    owner = mesh.map.owner(SHARD)
    assert owner is not None
    return owner.address


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"
