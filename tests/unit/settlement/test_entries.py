"""What an event comes to in its accounts' statements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.entries import EntryColumns, account_key, full_transfer_id, posted
from services.settlement.domain.statements import Entry, entry_of

ESCROW = "escrow:spring.r01:1"
Row = tuple[int, int, int, int]
"""Account's key, event, line, fen."""


def rows(entries: EntryColumns) -> list[Row]:
    return list(entries.rows())


def record(seq: int, event: pb.SettlementEvent) -> tuple[int, int, bytes]:
    return seq, 1_000 + seq, event.SerializeToString()


def transfer(
    debit: str,
    credit: str,
    amount_fen: int,
    phase: pb.TransferPhase.ValueType = pb.TRANSFER_PHASE_UNSPECIFIED,
) -> pb.Transfer:
    return pb.Transfer(
        transfer_id="t",
        debit_account_id=debit,
        credit_account_id=credit,
        amount_fen=amount_fen,
        code=pb.TRANSFER_CODE_ENVELOPE_HOLD,
        phase=phase,
    )


def packets(*won: tuple[int, int], waiting_hold_id: str = "") -> pb.WalletCredits:
    return pb.WalletCredits(
        transfer_id="allocation/1:9:0:0",
        debit_account_id=ESCROW,
        person_ids=[person_id for person_id, _ in won],
        amounts_fen=[amount_fen for _, amount_fen in won],
        code=pb.TRANSFER_CODE_PACKET,
        campaign_id="spring",
        waiting_hold_id=waiting_hold_id,
    )


def told(account_id: str, event: pb.SettlementEvent) -> list[Entry]:
    """An account's entries of one event, as its owner reads them."""
    batch = posted([record(3, event)])
    entries = []
    for key, _, line, amount_fen in rows(batch.entries):
        if key == account_key(account_id):
            movement = max(
                (movement for movement in batch.movements if movement.line <= line),
                key=lambda movement: movement.line,
            )
            entries.append(entry_of(account_id, line, amount_fen, movement))
    return entries


def test_a_transfer_is_an_entry_of_both_its_accounts() -> None:
    event = pb.SettlementEvent(transfers=[transfer("wallet:7", "envelope:9", 250)])
    [sent], [held] = told("wallet:7", event), told("envelope:9", event)
    assert (sent.amount_fen, sent.counter_account_id, sent.transfer_fen) == (-250, "envelope:9", 250)
    assert (held.amount_fen, held.counter_account_id, held.transfer_fen) == (250, "wallet:7", 250)
    assert (sent.seq, sent.line, sent.time_ms) == (held.seq, held.line, held.time_ms) == (3, 0, 1_003)


def test_what_the_bank_holds_for_us_grows_by_debits() -> None:
    event = pb.SettlementEvent(transfers=[transfer("bank_clearing:0", "sponsor:7", 100)])
    assert [entry.amount_fen for entry in told("bank_clearing:0", event)] == [100]


def test_an_escrow_has_one_entry_a_batch_and_each_winner_one() -> None:
    event = pb.SettlementEvent(
        transfers=[transfer("wallet:7", "envelope:9", 5)], wallet_credits=[packets((7, 10), (8, 20), (7, 30))]
    )
    event.position.source, event.position.source_seq = "allocation/1", 9
    [paid] = told(ESCROW, event)
    assert (paid.line, paid.amount_fen, paid.movements, paid.counter_account_id) == (1, -60, 3, "")
    assert [(entry.line, entry.amount_fen) for entry in told("wallet:7", event)] == [
        (0, -5),
        (1, 10),
        (3, 30),
    ]
    won = told("wallet:7", event)[2]
    assert (won.transfer_id, won.transfer_fen, won.movements) == ("allocation/1:9:0:0:2", 30, 1)
    assert (won.counter_account_id, won.source, won.source_seq) == (ESCROW, "allocation/1", 9)


def test_winnings_that_wait_are_entries_of_the_accounts_that_they_wait_in() -> None:
    event = pb.SettlementEvent(
        wallet_credits=[packets((7, 10), (8, 20), waiting_hold_id="spring.r01"), packets((7, 40))]
    )
    assert [entry.amount_fen for entry in told("waiting:7:spring.r01", event)] == [10]
    assert [(entry.line, entry.amount_fen) for entry in told("wallet:7", event)] == [(2, 40)]
    assert [entry.counter_account_id for entry in told(ESCROW, event)] == ["", ""]


def test_what_is_reserved_is_told_and_moves_nothing() -> None:
    phases = [
        pb.TRANSFER_PHASE_PENDING,
        pb.TRANSFER_PHASE_POST,
        pb.TRANSFER_PHASE_VOID,
        pb.TRANSFER_PHASE_EXPIRE,
    ]
    event = pb.SettlementEvent(transfers=[transfer("wallet:7", "bank_clearing:0", 90, it) for it in phases])
    entries = told("wallet:7", event)
    assert [(entry.phase, entry.amount_fen) for entry in entries] == [
        *((phases[0], 0), (phases[1], -90), (phases[2], 0), (phases[3], 0))
    ]
    assert all(entry.transfer_fen == 90 for entry in entries)


def test_money_for_another_shard_is_told_by_where_it_goes() -> None:
    sent = transfer("wallet:7", "in_transit:0:1", 250)
    sent.onward.shard, sent.onward.credit_account_id = 1, "wallet:8"
    event = pb.SettlementEvent(transfers=[sent])
    assert [entry.counter_account_id for entry in told("wallet:7", event)] == ["wallet:8"]


def test_entries_are_sorted_by_account_event_and_line() -> None:
    event = pb.SettlementEvent(wallet_credits=[packets((9, 1), (7, 2), (8, 3), (7, 4))])
    batch = posted([record(1, event), record(2, event)])
    assert rows(batch.entries) == sorted(rows(batch.entries))
    assert (batch.first_seq, batch.last_seq, batch.first_time_ms, batch.last_time_ms) == (1, 2, 1_001, 1_002)


def test_an_event_that_moves_nothing_has_no_entries() -> None:
    batch = posted([record(1, pb.SettlementEvent())])
    assert not batch.movements
    assert not len(batch.entries)


@given(
    st.lists(
        st.one_of(
            st.integers(1, 2**63 - 1).map(lambda number: f"wallet:{number}"),
            st.integers(1, 2**63 - 1).map(lambda number: f"envelope:{number}"),
            st.integers(1, 2**63 - 1).map(lambda number: f"sponsor:{number}"),
            st.integers(0, 1023).map(lambda number: f"escrow:spring.r01:{number}"),
        ),
        unique=True,
    )
)
def test_accounts_have_keys_of_their_own_in_64_bits(account_ids: list[str]) -> None:
    keys = [account_key(account_id) for account_id in account_ids]
    assert len(set(keys)) == len(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)


@given(
    st.sampled_from(["", "allocation/1"]),
    st.integers(0, 99),
    st.sampled_from(["allocation/1:9:0:0", "deposit:17", "allocation/1:90", "allocation/1:9"]),
)
def test_a_transfer_id_comes_back_as_it_was(source: str, source_seq: int, transfer_id: str) -> None:
    event = pb.SettlementEvent(transfers=[transfer("wallet:7", "envelope:9", 1)])
    event.transfers[0].transfer_id = transfer_id
    if source:
        event.position.source, event.position.source_seq = source, source_seq
    [movement] = posted([record(1, event)]).movements
    assert full_transfer_id(movement.transfer_id, movement.source, movement.source_seq) == transfer_id
