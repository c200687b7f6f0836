"""The peer of `bench settle`, what people write first: a transaction a transfer, an insert and two updates.

It is written to do well: pgbench, which is C, sends each transaction in one round trip (a pipeline of
prepared statements), keys are numbers, the payers are as many as settlement has escrows, and the payer's row,
which others wait for, is updated last. The best of several numbers of connections counts.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from services.cli.bench.postgres import Postgres
from services.cli.console import Refusal

CONNECTIONS = (4, 16, 32, 64)
_FIRST_WALLET = 1_000
_TABLES = (
    "DROP TABLE IF EXISTS naive_transfers, naive_accounts",
    "CREATE TABLE naive_accounts (id BIGINT PRIMARY KEY, balance_fen BIGINT NOT NULL)",
    """
    CREATE TABLE naive_transfers (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        debit_id BIGINT NOT NULL,
        credit_id BIGINT NOT NULL,
        amount_fen BIGINT NOT NULL,
        code INT NOT NULL,
        posted_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
    """,
)
_SCRIPT = """
\\set payer random(1, {payers})
\\set wallet random({first}, {last})
\\set fen random(1, 880)
\\startpipeline
BEGIN;
INSERT INTO naive_transfers (debit_id, credit_id, amount_fen, code) VALUES (:payer, :wallet, :fen, 4);
UPDATE naive_accounts SET balance_fen = balance_fen + :fen WHERE id = :wallet;
UPDATE naive_accounts SET balance_fen = balance_fen - :fen WHERE id = :payer;
COMMIT;
\\endpipeline
"""
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PeerResult:
    """The best run."""

    transfers_per_s: float
    connections: int
    rates: dict[int, float]
    """By connections."""
    bytes_per_transfer: float
    """Of tables and indexes."""


async def measure_peer(server: Postgres, folder: Path, payers: int, wallets: int, seconds: int) -> PeerResult:
    """Runs it with each number of connections for so long. Raises `Refusal` when pgbench fails."""
    last = _FIRST_WALLET + wallets - 1
    await server.run(
        *_TABLES,
        f"INSERT INTO naive_accounts SELECT id, 0 FROM generate_series(1, {payers}) AS id",  # noqa: S608 - numbers
        f"INSERT INTO naive_accounts SELECT id, 0 FROM generate_series({_FIRST_WALLET}, {last}) AS id",  # noqa: S608
        "VACUUM ANALYZE naive_accounts",
    )
    script = folder / "naive.sql"
    script.write_text(_SCRIPT.format(payers=payers, first=_FIRST_WALLET, last=last))
    before = await server.one("SELECT pg_total_relation_size('naive_accounts')")
    rates = {count: await _run(server, script, count, seconds) for count in CONNECTIONS}
    transfers = await server.one("SELECT count(*) FROM naive_transfers")
    size = await server.one(
        "SELECT pg_total_relation_size('naive_accounts') + pg_total_relation_size('naive_transfers')"
    )
    await server.run("DROP TABLE naive_transfers, naive_accounts")
    best = max(rates, key=lambda count: rates[count])
    return PeerResult(rates[best], best, rates, (size - before) / max(1, transfers))


async def _run(server: Postgres, script: Path, connections: int, seconds: int) -> float:
    process = await asyncio.create_subprocess_exec(
        str(server.programs / "pgbench"),
        *("--no-vacuum", "--protocol=prepared", f"--file={script}"),
        *(f"--client={connections}", "--jobs=2", f"--time={seconds}", server.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    found = _RATE.search(output.decode())
    if process.returncode or found is None:
        raise Refusal(f"pgbench failed: {errors.decode().strip()[-300:]}")
    return float(found.group(1))
