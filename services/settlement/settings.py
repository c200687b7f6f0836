"""Every knob of settlement."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.mesh.settings import MeshSettings
from services.mesh.shards.groups import ShardGroups


class SettlementSettings(MeshSettings):
    """What settlement can be told beside what every service can."""

    service: ClassVar[str] = "settlement"

    payout_batch_persons: int = Field(default=10_000, ge=1, le=65_536)
    """Most persons that one event of a pool payout pays. A payout of more takes several events."""
    run_persons_max: int = Field(default=16_384, ge=1, le=65_536)
    """Most persons in one event that carries out several records of a feed; one record alone may have more.
    An event is applied in one go: so many persons take about 10 milliseconds."""
    snapshot_every_credits: int = Field(default=2_000_000, ge=1, le=1_000_000_000)
    """Credits of wallets after which a snapshot is made, however few records they came in: so many take about
    a second to fold again."""
    funds_wait_ms: int = Field(default=2_000, ge=1, le=600_000)
    """Longest wait of a feed for money in transit before it is read again from its cursor, milliseconds."""
    feed_skip_records: int = Field(default=4_096, ge=1, le=1_000_000)
    """Records without effect after which a feed's cursor is made durable all the same."""
    feed_connect_ms: int = Field(default=2_000, ge=1, le=60_000)
    """Longest wait of a feed for its shard to have an owner, milliseconds."""
    transfer_ahead_ms_max: int = Field(default=86_400_000, ge=1_000, le=2_592_000_000)
    """How far ahead a request for transfers may end, milliseconds: so long their ids are remembered."""
    transfers_remembered_max: int = Field(default=200_000, ge=1, le=10_000_000)
    """Transfers asked for by name that one shard remembers, about a kilobyte each. More are refused until
    some can be forgotten."""
    pending_expiry_ms: int = Field(default=1_000, ge=10, le=600_000)
    """Pause between looks whether the time of pending transfers is over, milliseconds."""
    pending_expiry_batch: int = Field(default=1_000, ge=1, le=4_096)
    """Most pending transfers that one event expires."""
    pending_end_remembered_ms: int = Field(default=86_400_000, ge=0, le=2_592_000_000)
    """How long it is known that a pending transfer has expired, milliseconds."""
    pending_overdue_ms: int = Field(default=60_000, ge=1_000, le=86_400_000)
    """How long after its time a pending transfer may stand before the books call it a fault, milliseconds."""
    dispute_open_max: int = Field(default=3, ge=1, le=1_000)
    """Disputes of one person that have not ended."""
    dispute_year_max: int = Field(default=24, ge=1, le=10_000)
    """Disputes that one person opens in a calendar year in Beijing."""
    dispute_year_fen_max: int = Field(default=100_000, ge=1, le=10**15)
    """What one person's disputes may be decided to pay in such a year, fen."""
    dispute_shard_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Disputes that one shard remembers."""
    dispute_shard_bytes_max: int = Field(default=256 << 20, ge=1 << 20, le=1 << 30)
    """What their steps may take, bytes, before no more disputes and evidence are taken: they are in memory,
    and in one snapshot."""
    dispute_bytes_max: int = Field(default=16 << 10, ge=1, le=1 << 20)
    """What the steps of one dispute may take, bytes, before evidence is refused: nobody fills a shard."""
    dispute_evidence_max: int = Field(default=20, ge=1, le=1_000)
    """Pieces of evidence of one dispute, beside the words that it is opened with."""
    dispute_steps_max: int = Field(default=64, ge=2, le=10_000)
    """Steps of one dispute after which it can only be rejected, or taken back."""
    dispute_approval_above_fen: int = Field(default=20_000, ge=0, le=10**15)
    """What an entry may be compensated by, in all, without a second operator, fen."""
    dispute_entry_age_days_max: int = Field(default=180, ge=1, le=3_650)
    """How long ago a disputed entry may have been posted, days."""
    dispute_retention_days: int = Field(default=400, ge=1, le=3_650)
    """How long a dispute is remembered after its end, at least, days; its record stays for ever."""
    dispute_request_ahead_ms_max: int = Field(default=3_600_000, ge=1_000, le=86_400_000)
    """How far ahead the end of a request to open a dispute may be, milliseconds; no more than a retention."""
    dispute_pay_ms: int = Field(default=1_000, ge=10, le=600_000)
    """Pause between looks whether the fund covers what is approved and not paid, milliseconds."""
    dispute_pay_batch: int = Field(default=100, ge=1, le=10_000)
    """Most disputes that are paid in one such look."""
    statement_url: str = ""
    """Where statements are kept, written as `journal_url` is; empty: beside the journals; `memory`: only in
    the process that reads them, for tests."""
    statement_threads: int = Field(default=2, ge=0, le=64)
    """Threads that read statements, beside one that writes them; 0: the event loop does both."""
    statement_busy_ms: int = Field(default=5_000, ge=1, le=60_000)
    """Longest wait for another process that writes statements of the same shard, milliseconds."""
    statement_batch_records: int = Field(default=1_024, ge=1, le=65_536)
    """Most events that one transaction adds to the statements."""
    statement_run_entries: int = Field(default=500_000, ge=1, le=100_000_000)
    """Entries after which a new run of them begins: the latest one should fit into the database's cache."""
    statement_linger_ms: int = Field(default=50, ge=0, le=60_000)
    """How long new events wait for others to be added with, milliseconds; not while somebody wants them."""
    statement_load: float = Field(default=0.5, gt=0, le=1)
    """Share of the time that may go into statements while they catch up: posting comes first."""
    statement_fresh_ms: int = Field(default=300, ge=0, le=10_000)
    """Longest wait of a reader for what is durable already to be in the statement, milliseconds."""

    # People.
    people_known: Literal["identity", "everybody"] = "identity"
    """Who is known: whom identity's feed tells of; or everybody, where people are checked elsewhere: then
    nothing waits, and no tier bounds what leaves a wallet."""
    waiting_ms: int = Field(default=7_776_000_000, ge=1, le=315_360_000_000)
    """How long winnings wait for people who are not verified, unless the campaign says it, milliseconds."""
    waiting_grace_ms: int = Field(default=3_600_000, ge=0, le=604_800_000)
    """How long after that moment winnings go back, milliseconds: news of people may be late."""
    people_silence_ms: int = Field(default=60_000, ge=1, le=604_800_000)
    """After so long without a word of identity, milliseconds, the books show its feed as waiting. In any case
    winnings go back only when their time was over by the last word."""
    waiting_look_ms: int = Field(default=500, ge=1, le=600_000)
    """Pause between looks what is due of winnings that wait, milliseconds."""
    waiting_batch: int = Field(default=500, ge=1, le=4_096)
    """Most winnings that wait of which one event decides, and one look takes up, by kind."""

    # Withdrawals.
    withdrawal_fen_min: int = Field(default=100, ge=1, le=1_000_000)
    """The least that is paid out to a bank card at once, fen."""
    withdrawal_fen_max: int = Field(default=5_000_000, ge=1, le=1_000_000_000_000)
    """The most that is paid out to a bank card at once, fen."""
    withdrawals_open_max: int = Field(default=5, ge=1, le=1_000)
    """Most withdrawals of one person that the bank has not decided; more are refused."""
    withdrawal_ahead_ms_max: int = Field(default=3_600_000, ge=1, le=2_592_000_000)
    """How far ahead the end of a request may be, milliseconds: so long its id is remembered at least."""
    withdrawals_kept_ms: int = Field(default=604_800_000, ge=0, le=31_536_000_000)
    """How long ended withdrawals are remembered, milliseconds. Journal and statements keep them for ever."""
    withdrawal_calls_max: int = Field(default=32, ge=1, le=1_024)
    """Most calls to the bank at once, for each shard."""
    withdrawal_order_ms: int = Field(default=30_000, ge=100, le=86_400_000)
    """How long the bank may take an order, milliseconds from when it is about to be sent."""
    withdrawal_cut_off_ms: int = Field(default=30_000, ge=100, le=86_400_000)
    """How long after that the bank may still say that it does not know an order it has taken, and how far the
    clocks of the two may be apart, milliseconds."""
    withdrawal_query_ms_min: int = Field(default=1_000, ge=1, le=3_600_000)
    """Shortest pause before the bank is asked what became of an order, milliseconds."""
    withdrawal_query_ms_max: int = Field(default=60_000, ge=1, le=86_400_000)
    """Longest such pause: it doubles from the shortest, milliseconds."""
    withdrawal_answer_ms: int = Field(default=5_000, ge=1, le=600_000)
    """Longest wait for the bank's answer, milliseconds."""

    # The simulated bank.
    bank_seed: int = Field(default=0, ge=0)
    """What the bank's faults and decisions are drawn from."""
    bank_faults_percent: int = Field(default=0, ge=0, le=90)
    """How often orders, answers, queries, reports are lost, late or doubled, or orders refused, percent."""
    bank_refused_ending_fen: int = Field(default=-1, ge=-1, le=99)
    """The bank refuses orders whose amount ends in so many fen, as too much for the card: the way to meet a
    refusal; -1: none."""
    bank_latency_ms: int = Field(default=20, ge=0, le=60_000)
    """From settlement to the bank and back, milliseconds."""
    bank_decides_ms: int = Field(default=1_000, ge=0, le=3_600_000)
    """Longest time in which the bank decides, milliseconds."""
    bank_late_ms: int = Field(default=60_000, ge=0, le=86_400_000)
    """Longest delay of what is late, milliseconds."""
    bank_report_poll_ms: int = Field(default=1_000, ge=1, le=600_000)
    """How often is looked which decisions the bank has to report, milliseconds."""
    bank_reports_at_once_max: int = Field(default=100, ge=1, le=10_000)
    """Most reports of the bank that one look takes up."""
    bank_report_attempts_max: int = Field(default=8, ge=1, le=100)
    """Attempts of the bank to report a decision; the pause between doubles from `bank_report_poll_ms`."""

    @model_validator(mode="after")
    def _place_statements(self) -> Self:
        if self.statement_url and self.statement_url != "memory":
            try:
                ShardGroups.parse(self.statement_url).check_all_in(self.settlement_shards)
            except ValueError as failure:
                raise ValueError(f"HONGBAO_STATEMENT_URL: {failure}") from None
        return self

    @model_validator(mode="after")
    def _let_money_leave(self) -> Self:
        for name in ("withdrawal_fen", "withdrawal_query_ms"):
            if getattr(self, f"{name}_min") > getattr(self, f"{name}_max"):
                knob = f"HONGBAO_{name.upper()}"
                raise ValueError(f"{knob}_MIN must not exceed {knob}_MAX")
        return self
