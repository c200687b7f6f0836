"""Requests that nobody in their right mind would send, and some that only look like it.

A message is drawn field by field. Most fields keep to the constraints of the contract, so requests get past
the validation of the mesh and meet the service's own rules; the others break them. What a service has told so
far, ids and secrets and tokens, comes up again in fields of the same name: so requests also meet what exists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

_DEPTH_MAX = 3
_ITEMS_MAX = 3
_WILD_IN = 8
"""One value in so many does not care for its constraints."""
_INT_BITS = {"INT32": 31, "SINT32": 31, "SFIXED32": 31, "INT64": 63, "SINT64": 63, "SFIXED64": 63}
_UINT_BITS = {"UINT32": 32, "FIXED32": 32, "UINT64": 64, "FIXED64": 64}
_TYPES = {
    value: name.removeprefix("TYPE_")
    for name, value in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


class Told:
    """What a service has told so far, by the name of the field that it stood in."""

    def __init__(self, **values: Sequence[Any]) -> None:
        self._values: defaultdict[str, list[Any]] = defaultdict(list)
        for name, known in values.items():
            self._values[_subject(name)].extend(known)

    def known(self, field: str) -> Sequence[Any]:
        """Values that have stood in fields of this kind."""
        return self._values[_subject(field)]

    def hear(self, message: Message) -> None:
        """Remembers everything that a message says."""
        for field, value in message.ListFields():
            values = value if field.is_repeated else [value]
            for item in values:
                if isinstance(item, Message):
                    self.hear(item)
                elif isinstance(item, int | str) and not isinstance(item, bool):
                    self._values[_subject(field.name)].append(item)


def _subject(field: str) -> str:
    """Fields that hold the same kind of thing: `other_person_ids` and `person_id` are both persons."""
    name = field.removesuffix("s")
    for whole in ("person_id", "account_id", "page_token"):
        if name.endswith(whole):
            return whole
    return name


@st.composite
def requests(draw: st.DrawFn, kind: type[Any], told: Told) -> Any:
    """A message of a kind."""
    message = kind()
    _fill(draw, message, told, _DEPTH_MAX)
    return message


def _fill(draw: st.DrawFn, message: Message, told: Told, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if not draw(st.integers(0, 9)):
            continue
        rules = field.GetOptions().Extensions[validate_pb2.field]
        if field.is_repeated:
            for _ in range(draw(st.integers(min(1, rules.repeated.min_items), _ITEMS_MAX))):
                _put(draw, message, field, rules.repeated.items, told, depth)
        else:
            _put(draw, message, field, rules, told, depth)


def _put(
    draw: st.DrawFn,
    message: Message,
    field: Any,
    rules: validate_pb2.FieldRules,
    told: Told,
    depth: int,
) -> None:
    if field.message_type is not None:
        if depth:
            target = getattr(message, field.name)
            inner = target.add() if field.is_repeated else target
            if not field.is_repeated:
                inner.SetInParent()
            _fill(draw, inner, told, depth - 1)
        return
    value = draw(_values(field, rules, told.known(field.name)))
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


@st.composite
def _values(
    draw: st.DrawFn, field: FieldDescriptor, rules: validate_pb2.FieldRules, known: Sequence[Any]
) -> Any:
    kind = _TYPES[field.type]
    choice = draw(st.integers(0, _WILD_IN - 1))
    # Always drawn, whatever is known: the same choices must mean the same story, however a service takes it.
    place = draw(st.integers(0, 1 << 16))
    value = draw(_tame(field, kind, rules))
    if choice == 0:
        return draw(_wild(field, kind))
    fitting = [told for told in known if isinstance(told, str if kind == "STRING" else int)]
    if choice > 1 and fitting and kind in {"STRING", *_INT_BITS}:
        return fitting[place % len(fitting)]
    return value


def _wild(field: FieldDescriptor, kind: str) -> st.SearchStrategy[Any]:
    if kind in _INT_BITS:
        bound = 1 << _INT_BITS[kind]
        return st.one_of(st.sampled_from([0, 1, -1, bound - 1, -bound]), st.integers(-bound, bound - 1))
    if kind in _UINT_BITS:
        return st.integers(0, (1 << _UINT_BITS[kind]) - 1)
    if kind == "ENUM":
        return st.integers(-2, 99)
    plain: Mapping[str, st.SearchStrategy[Any]] = {
        "BOOL": st.booleans(),
        "STRING": st.one_of(st.text(max_size=90), st.sampled_from(_TEXTS)),
        "BYTES": st.binary(max_size=90),
        "DOUBLE": st.floats(),
        "FLOAT": st.floats(width=32),
    }
    assert kind in plain, f"{field.full_name}: no contract had {kind} before"
    return plain[kind]


_TEXTS = (
    "",
    "\0",
    "' OR 1=1 --",
    "%s%n",
    "../../etc/passwd",
    "🧧" * 20,
    "\u202e\u0000\uffff",
    "A" * 5_000,
    "{}",
    "-1",
    "1e400",
)


def _tame(field: FieldDescriptor, kind: str, rules: validate_pb2.FieldRules) -> st.SearchStrategy[Any]:
    if kind in _INT_BITS or kind in _UINT_BITS:
        return _numbers(getattr(rules, kind.lower()), _INT_BITS.get(kind) or _UINT_BITS[kind])
    if kind == "ENUM":
        assert field.enum_type is not None
        return st.sampled_from([value.number for value in field.enum_type.values][-12:])
    if kind == "STRING":
        return _texts(rules.string)
    if kind == "BYTES":
        length = rules.bytes.len or rules.bytes.min_len
        return st.binary(min_size=length, max_size=max(length, min(rules.bytes.max_len or 64, 64)))
    return _wild(field, kind)


def _numbers(rules: Any, bits: int) -> st.SearchStrategy[int]:
    if rules.HasField("const"):
        return st.just(int(rules.const))
    low, high = 0, (1 << bits) - 1
    low = rules.gte if rules.HasField("gte") else rules.gt + 1 if rules.HasField("gt") else low
    high = rules.lte if rules.HasField("lte") else rules.lt - 1 if rules.HasField("lt") else high
    return st.one_of(st.integers(low, min(high, low + 5)), st.integers(low, max(low, high)))


def _texts(rules: validate_pb2.StringRules) -> st.SearchStrategy[str]:
    if rules.uuid:
        return st.uuids(version=4).map(str)
    if (
        rules.pattern and "\\p{" not in rules.pattern.lower()
    ):  # RE2 knows classes of Unicode, Python does not.
        return st.from_regex(rules.pattern, fullmatch=True)
    most = min(rules.max_len or 64, 64)
    return st.text(min_size=min(rules.min_len, most), max_size=most)
