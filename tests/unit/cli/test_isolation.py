"""What the load of `bench isolation` notices of what goes wrong."""

from __future__ import annotations

from hongbao.gateway.v1 import envelope_pb2, message_pb2
from services.cli.bench.isolation_chat import Chat
from services.cli.bench.isolation_jobs import Talker, Tally
from services.cli.bench.isolation_report import Phase, report_on
from services.cli.bench.isolation_shares import _agrees, _Sent
from services.cli.bench.report import Report
from services.mesh.errors import ErrorKind, ServiceError

ANN, BOB = Talker(1, "ann", [1], 0), Talker(2, "bob", [0], 0)


def entry(inbox_seq: int, seq: int, sender: int = 1, peer: int = 1) -> message_pb2.InboxEntry:
    message = message_pb2.Message(
        peer=message_pb2.Peer(person_id=peer), sender_person_id=sender, seq=seq, content=None
    )
    return message_pb2.InboxEntry(inbox_seq=inbox_seq, message=message)


async def chat_that_saw(*entries: message_pb2.InboxEntry) -> Chat:
    reader, last_seq = Talker(2, "bob", [0], 0), dict[int, int]()
    chat = Chat("127.0.0.1:1", [ANN, reader])
    for one in entries:
        chat._take(reader, one, last_seq)
    return chat


async def test_messages_in_order_are_in_order() -> None:
    chat = await chat_that_saw(entry(1, 1), entry(2, 2, sender=2), entry(3, 3))
    assert (chat.out_of_order, chat.twice) == (0, 0)


async def test_gaps_and_repeats_are_noticed() -> None:
    assert (await chat_that_saw(entry(1, 1), entry(3, 2))).out_of_order == 1
    assert (await chat_that_saw(entry(1, 1), entry(2, 3))).out_of_order == 1
    assert (await chat_that_saw(entry(1, 1), entry(2, 1))).twice == 1


async def test_only_what_was_shown_to_its_receiver_counts_as_delivered() -> None:
    chat = await chat_that_saw(entry(1, 1))
    chat._accepted = {(2, 1, 1): 0.0, (2, 1, 2): 0.0}
    assert chat.findings()["delivered"] == 1


def test_refusals_without_a_delay_are_noticed() -> None:
    tally = Tally()
    tally.note(0.1, None)
    for delay_ms in (None, 50):
        tally.note(0.1, refusal(ErrorKind.EXHAUSTED, delay_ms))
    tally.note(0.1, refusal(ErrorKind.DEADLINE, None))
    tally.note(0.1, refusal(ErrorKind.UNAVAILABLE, None))
    assert (len(tally.accepted_ms), len(tally.refused_ms), tally.late, tally.without_delay) == (1, 2, 1, 1)
    assert tally.others == {"GONE": 1}


def test_an_envelope_must_say_what_people_were_told() -> None:
    def shown(*people: int) -> envelope_pb2.GetEnvelopeResponse:
        shares = [envelope_pb2.Share(person_id=person, amount_fen=1) for person in people]
        return envelope_pb2.GetEnvelopeResponse(shares=shares)

    sent = _Sent(ANN, claimed_by={2}, maybe={3})
    assert _agrees(sent, shown(2))
    assert _agrees(sent, shown(2, 3))
    assert not _agrees(sent, shown(3))
    assert not _agrees(sent, shown(2, 4))
    assert not _agrees(sent, shown(2, 2))


def test_a_message_that_was_accepted_and_not_delivered_fails_the_bench() -> None:
    assert report_on([phase(burst=False), phase(burst=True, delivered=2)], Report("isolation")).is_sound
    report = report_on([phase(burst=False), phase(burst=True, delivered=1)], Report("isolation"))
    assert not report.is_sound
    assert report.content()["claims_ratio"] == 1


def refusal(kind: ErrorKind, delay_ms: int | None) -> ServiceError:
    return ServiceError.rebuilt(
        kind=kind,
        domain="hongbao.gateway",
        reason="GONE",
        message="no",
        metadata={},
        retry_delay_ms=delay_ms,
        localized={},
        help_url="",
    )


def phase(*, burst: bool, delivered: int = 2) -> Phase:
    part = {**Tally(offered=2, accepted_ms=[1.0, 2.0]).content(), "delivered_ms": [1.0]}
    shares = {**part, "wrong": 0}
    messages = {**part, "delivered": delivered, "twice": 0, "out_of_order": 0}
    claims = {**part, "won": 2, "won_in_time": 2, "seconds": 1.0}
    return Phase("steady", False, claims, {"shares": shares, "messages": messages} if burst else None, {})
