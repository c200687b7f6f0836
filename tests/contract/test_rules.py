"""Rules of the contracts that buf does not know. That everything has a comment is buf's to check."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.contract.contracts import files, rpcs

UNCONSTRAINED = {
    "hongbao.allocation.v1.ClaimBatchRequest.batch_id": "any number that the caller knows its batch by",
}
"""Ids, amounts and counts of requests that may have every value of their type, and why."""
WHOLE_LISTS = {
    "hongbao.identity.v1.KeyService/ListMasterKeys": "a file holds a few keys",
    "hongbao.social.v1.KeyService/ListMasterKeys": "a file holds a few keys",
    "hongbao.gateway.v1.AccountService/ListCards": "settings allow a person at most 50 bank cards",
    "hongbao.gateway.v1.CardService/ListHand": "there are five kinds of card",
    "hongbao.identity.v1.BankCardService/ListCards": "settings allow a person at most 50 bank cards",
}
"""Lists without pages, and why they never need any."""
MOMENTS_NAMED_OTHERWISE = {
    "deadline",
    "hongbao.allocation.v1.FeedRecord.time",
    "hongbao.cards.v1.FeedRecord.time",
    "hongbao.identity.v1.FeedRecord.time",
    "hongbao.settlement.v1.FeedRecord.time",
    "hongbao.social.v1.FeedRecord.time",
}
"""A deadline is a moment by its name; a record's time is the same field in every feed."""

_MOMENT = re.compile(r"(.+_)?since|.+_at")
_MONEY = re.compile(r"(^|_)(fen|yuan|amounts?|balances?|budget|price)(_|$)")
_READS = re.compile(r"Get|List|Check|Read|Watch")
_SAYS_HOW = re.compile(r"\bidempotent\b|\bnatural key\b|\bstores nothing\b", re.IGNORECASE)


def test_every_id_amount_and_count_of_a_request_is_constrained() -> None:
    free = {
        field.full_name for field in _request_fields() if _is_scalar(field) and not _is_constrained(field)
    }
    assert free == UNCONSTRAINED.keys()


def test_money_is_whole_fen_of_64_bits_and_says_so() -> None:
    money = [field for field in _fields() if _MONEY.search(field.name) and _is_scalar(field)]
    assert len(money) > 50
    named = [field for field in money if not field.name.endswith("_fen")]
    assert [field.full_name for field in named] == []
    assert [field.full_name for field in money if field.type != FieldDescriptor.TYPE_INT64] == []


def test_no_field_is_a_fraction() -> None:
    fractions = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
    assert [field.full_name for field in _fields() if field.type in fractions] == []


def test_moments_are_named_for_what_happens_at_them() -> None:
    moments = [field for field in _fields() if _is_moment(field)]
    assert len(moments) > 20
    otherwise = [field for field in moments if not _MOMENT.fullmatch(field.name)]
    assert {
        field.full_name for field in otherwise if not {field.name, field.full_name} & MOMENTS_NAMED_OTHERWISE
    } == set()
    # And nothing else is named so.
    named = [field for field in _fields() if field.name.endswith("_at") and not _is_moment(field)]
    assert [field.full_name for field in named] == []


def test_every_rpc_that_changes_something_says_how_it_is_idempotent(comments: dict[str, str]) -> None:
    changing = [name for name in rpcs() if not _READS.match(name.partition("/")[2])]
    assert len(changing) > 20
    assert [name for name in changing if not _SAYS_HOW.search(comments[name])] == []


def test_every_list_is_cut_into_pages() -> None:
    lists = [rpc for rpc in rpcs().values() if rpc.name.partition("/")[2].startswith("List")]
    for rpc in lists:
        asked, answered = rpc.request.DESCRIPTOR.fields_by_name, rpc.response.DESCRIPTOR.fields_by_name
        if rpc.name not in WHOLE_LISTS:
            assert {"page_size", "page_token"} <= set(asked), rpc.name
            assert "next_page_token" in answered, rpc.name
    assert {rpc.name for rpc in lists} >= WHOLE_LISTS.keys()


def _request_fields() -> Iterator[FieldDescriptor]:
    """Fields of everything that a request holds."""
    for message in _reachable(rpc.request.DESCRIPTOR for rpc in rpcs().values()):
        yield from message.fields


def _reachable(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    waiting, seen = list(messages), set[str]()
    while waiting:
        message = waiting.pop()
        if message.full_name not in seen and message.full_name.startswith("hongbao."):
            seen.add(message.full_name)
            yield message
            waiting.extend(field.message_type for field in message.fields if field.message_type is not None)


def _fields() -> Iterator[FieldDescriptor]:
    for file in files():
        for message in file.message_types_by_name.values():
            yield from message.fields


def _is_constrained(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().HasExtension(validate_pb2.field))


def _is_scalar(field: FieldDescriptor) -> bool:
    return field.message_type is None and field.type != FieldDescriptor.TYPE_BOOL


def _is_moment(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp"
