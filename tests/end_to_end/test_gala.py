from __future__ import annotations

import json
import socket
from pathlib import Path

import psutil

from services.cli.gala.acts.chat import WORDS
from services.cli.gala.acts.circles import COMMENT, POST, REPORTED
from services.cli.gala.people import invent_people
from services.mesh.callgraph import allowed
from tests.end_to_end.command import hongbao, new_place, read_report
from tests.end_to_end.personal_data import SECRETS, files_below, leaks, values_of

TAP = "hongbao.gateway.v1.TapService/Tap"
CLAIM = "hongbao.allocation.v1.ClaimService/ClaimBatch"
FEED = "hongbao.allocation.v1.StockService/ReadEvents"
WINNING_TAP = [
    ("player", "gateway", TAP),
    ("gateway", "allocation", CLAIM),
    ("allocation", "settlement", "allocation feed record"),
]
"""Every hop that a tap that wins makes, across processes and across the feed, in order; and no other."""
CAMPAIGN = "small-evening"
SERVICES = {"identity", "social", "settlement", "allocation", "cards", "gateway"}


async def test_a_small_evening_ends_with_every_fen_in_its_place(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    report_file = tmp_path / "report.json"
    outcome = await hongbao(
        "gala",
        f"--campaign={CAMPAIGN}",
        "--people=160",
        "--rounds=2",
        "--round-seconds=2",
        "--card-seconds=6",
        f"--report={report_file}",
        *place.options,
    )
    assert outcome.exit_code == 0, outcome.complaints + outcome.output
    report = read_report(report_file)
    assert report["difference_fen"] == 0
    assert (report["people"], report["draw_verified"]) == (160, True)
    # A linear release gives its last packets out in the last moment; whoever taps then may get them.
    assert 48 < report["packets_won"] <= 96  # type: ignore[operator]  # a JSON number
    assert report["won_fen"] == report["credited_fen"] == report["seen_fen"]
    assert sum(report["cards_dealt"].values()) > 160  # type: ignore[attr-defined]  # a JSON object
    assert report["sets_completed"] > 0  # type: ignore[operator]  # a JSON number
    cards: dict[str, object] = report["cards"]  # type: ignore[assignment]  # a JSON object
    # Everybody tapped.
    assert cards["dealt_for_taps"] == 160
    assert cards["dealt_for_shares"] > 0  # type: ignore[operator]  # a JSON number
    assert cards["verified"] == sum(report["cards_dealt"].values())  # type: ignore[attr-defined]  # a JSON object
    assert cards["complaint"] == ""
    assert report["cards_difference"] == 0
    for way in ("offers_declined", "offers_taken_back", "asks_declined", "asks_taken_back"):
        assert cards[way] == 1, way
    assert [cards["offers_accepted"], cards["asks_answered"]] != [0, 0]
    assert cards["left"] == cards["came_home"] == 2
    assert cards["moved"] == cards["moved_arrived"] != 0
    _expect_people(report["society"])  # type: ignore[arg-type]  # a JSON object
    assert cards["dealt_for_invitations"] == 12
    assert (report["messages_difference"], report["complaints"]) == (0, [])
    sharing: dict[str, int] = report["sharing"]  # type: ignore[assignment]  # a JSON object
    assert sharing["sent_on"] > 0
    assert sharing["group_packets"] > 0
    assert sharing["asks_answered"] + sharing["asks_declined"] > 0
    assert 0 < sharing["shares_fen"] == sharing["paid_fen"] <= sharing["held_fen"] == sharing["sent_fen"]
    assert sharing["splits_verified"] > 0
    assert sharing["splits_hold"] is True
    _expect_money(report["money"])  # type: ignore[arg-type]  # a JSON object
    processes = {process["name"]: process["pid"] for process in report["processes"]}  # type: ignore[attr-defined]
    assert set(processes) == SERVICES | {"etcd"}
    assert not [pid for pid in processes.values() if psutil.pid_exists(pid)]
    hops = report["trace"]["hops"]  # type: ignore[index]
    assert [(hop["caller"], hop["callee"], hop["method"]) for hop in hops] == WINNING_TAP
    assert "difference: 0 fen" in outcome.output
    assert _personal_data_in(place.home, report_file) == []
    assert "draws recomputed from the revealed seed, all as committed" in outcome.output


def _expect_money(money: dict[str, int]) -> None:
    assert money["late_guests"] == 11
    assert money["second_accounts"] == 3
    # Whoever was verified before has the money at once, so nearly all that waited was theirs.
    assert 0 < money["late_told_fen"] <= money["waited_fen"]
    assert money["arrived_fen"] + money["twice_fen"] == money["waited_fen"]
    assert money["twice_told_fen"] == money["twice_fen"]
    assert money["withdrawals"] > 0
    assert 0 < money["withdrawn_fen"] == money["withdrawals_fen"]
    assert money["refused"] > 0
    assert money["refused_fen"] % 100 == money["refused"] * 44 % 100
    assert money["unexplained"] == 0
    assert 0 < money["compensated_fen"] == money["decided_fen"]
    assert money["statements"] > 0
    assert money["entries_fen"] == money["closing_fen"] > 0


def _expect_people(society: dict[str, dict[str, int]]) -> None:
    """That everything was played; whether it fits, the command has said."""
    assert society["verification"] == {
        "applications": 4,
        "verified": 4,
        "refused": 3,
        "cases_read": 3,
        "cases_ended": 3,
    }
    assert society["invitations"] == {"accepted": 6, "fulfilled": 6, "cards_dealt": 12}
    chat = society["chat"]
    assert chat["messages"] > 60
    assert chat["delivered"] > chat["messages"]
    assert chat["streamed"] >= 16
    assert min(chat["packets"], chat["cards"]) > 0
    circles = society["circles"]
    assert (circles["posts"], circles["comments"], circles["likes"], circles["refused"]) == (6, 6, 10, 4)
    assert (circles["taken_down"], circles["told"]) == (1, 1)
    assert society["sessions"]["refreshed"] == 20
    assert (society["sessions"]["revoked"], society["credit"]["refused"]) == (1, 1)
    assert society["credit"]["told_score"] > 350
    assert society["leaving"] == {"erased": 1, "login_refused": 1, "texts_gone": 1}


def _personal_data_in(home: Path, report_file: Path) -> list[str]:
    """Where in logs, traces and files anybody's name, number, phone or card is, or what they wrote."""
    values = values_of(invent_people(160, f"7:{CAMPAIGN}")) | {*WORDS, POST, COMMENT, REPORTED}
    told, kept = files_below(home / "logs", home / "traces"), files_below(home / "data")
    # Each service has both, and etcd keeps nothing about people in its large files.
    assert len(told) >= 2 * len(SERVICES)
    kept = [file for file in kept if file.suffix in {".db", ".sqlite3"}]
    assert any(file.name == "identity.sqlite3" for file in kept)
    return leaks([*told, report_file], values, SECRETS) + leaks(kept, values, ())


def test_a_personal_value_that_was_written_down_is_found(tmp_path: Path) -> None:
    (player,) = invent_people(1, "7")
    file = tmp_path / "service.log"
    token = "eyJhbGciOiJFZERTQSIsImtpZCI6IjAifQ.e30.AA"
    secret = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF"
    for value in (player.name, player.resident_id, player.phone, token, secret):
        file.write_text(json.dumps({"event": f"it was {value}."}))
        assert len(leaks([file], values_of([player]), SECRETS)) == 1, value
    file.write_text(json.dumps({"trace_id": "0af7651916cd43dd8448eb211c80319c", "commitment": "0f" * 32}))
    assert leaks([file], values_of([player]), SECRETS) == []


def test_the_hops_of_a_winning_tap_are_allowed_by_the_call_graph() -> None:
    assert allowed("player", TAP)
    assert allowed("gateway", CLAIM)
    # A feed flows against the direction of its call: settlement asks, allocation's records arrive.
    assert allowed("settlement", FEED)


async def test_a_taken_port_is_one_clear_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", place.gateway_port))
        taken.listen()
        outcome = await hongbao("up", *place.options)
    assert outcome.exit_code == 1
    (line,) = outcome.complaints.splitlines()
    assert f"port {place.gateway_port}, which a gateway needs, is taken" in line
    assert "--gateway-port" in line
    assert not (place.home / "mesh.json").exists()


async def test_a_service_that_cannot_start_ends_the_mesh_with_its_own_words(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    outcome = await hongbao("up", *place.options, environment={"HONGBAO_IDENTITY_KEY": "too-short"})
    assert outcome.exit_code == 1
    (line,) = outcome.complaints.splitlines()
    assert "identity (pid" in line
    assert "HONGBAO_IDENTITY_KEY" in line
    started = [
        int(word) for word in outcome.output.replace("(pid ", " ").replace(")", " ").split() if word.isdigit()
    ]
    assert started
    assert not [pid for pid in started if psutil.pid_exists(pid)]


async def test_commands_that_need_a_mesh_say_how_to_start_one(tmp_path: Path) -> None:
    for command in (["shards"], ["books"], ["verify", "spring-2016"]):
        outcome = await hongbao(*command, f"--home={tmp_path}")
        assert outcome.exit_code == 1
        assert "hongbao up" in outcome.complaints


async def test_a_bad_setting_is_one_line_that_names_it(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    outcome = await hongbao("up", *place.options, environment={"HONGBAO_CARDS_SHARDS": "3"})
    assert outcome.exit_code == 2
    assert outcome.complaints.strip() == "HONGBAO_CARDS_SHARDS: must be a power of two"
