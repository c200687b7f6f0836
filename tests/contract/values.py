"""Values of cases: placeholders, expectations, and requests as patterns. README.md lists the forms."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from buf.validate import validate_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import find
from hypothesis.strategies import from_regex

from tests.contract.case import CaseMalformed, duration_s

_EMBEDDED = re.compile(r"\$\{(\w+)\}")
_NOW = re.compile(r"\$now(?:([+-])(\w+))?")
_MATCHES = re.compile(r"\$matches (.+?) e\.g\. (.+)")
_CHOSEN = re.compile(r"\$(uuid|id)\.(\w+)")


class Scope:
    """What placeholders stand for, while one case is played."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.values: dict[str, Any] = {}
        self._now_ms = now_ms

    def resolve(self, value: Any) -> Any:
        """Replaces placeholders that have a value; `$any`, `$matches` and `$rest` stay.

        Raises `CaseMalformed` for a name that nothing was saved under.
        """
        if isinstance(value, Mapping):
            return {key: self.resolve(element) for key, element in value.items()}
        if isinstance(value, list):
            return [self.resolve(element) for element in value]
        return self._resolve_text(value) if isinstance(value, str) and "$" in value else value

    def _resolve_text(self, text: str) -> Any:
        if _is_matcher(text):
            return text
        if text.startswith("$now"):
            return self._time(text)
        if _CHOSEN.fullmatch(text):
            return self._chosen(text)
        if re.fullmatch(r"\$\w+", text):
            return self._saved(text[1:])
        return _EMBEDDED.sub(lambda match: str(self._saved(match[1])), text)

    def _saved(self, name: str) -> Any:
        if name not in self.values:
            raise CaseMalformed(f"nothing was saved as {name!r}")
        return self.values[name]

    def _chosen(self, text: str) -> Any:
        if text not in self.values:
            fresh = uuid.uuid4()
            self.values[text] = str(fresh) if text.startswith("$uuid") else fresh.int % (1 << 53) + 1
        return self.values[text]

    def _time(self, text: str) -> str:
        match = _NOW.fullmatch(text)
        if match is None:
            raise CaseMalformed(f"{text!r} is not a time")
        offset_ms = round(duration_s(match[2]) * 1000) if match[1] else 0
        time = Timestamp()
        time.FromMilliseconds(self._now_ms() + (-offset_ms if match[1] == "-" else offset_ms))
        return time.ToJsonString()


def _is_matcher(value: Any) -> bool:
    return isinstance(value, str) and (value in {"$any", "$rest"} or value.startswith("$matches "))


def as_dict(message: Message, *, defaults: bool = True) -> dict[str, Any]:
    """A message as cases write it: names of the contract, 64-bit numbers as text."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=defaults
    )


def difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """Why `actual` does not contain `expected`; None when it does."""
    where = path or "the message"
    if expected is None:
        return None if actual is None else f"{where} is {actual!r}, should be absent"
    if _is_matcher(expected):
        return _matcher_difference(expected, actual, where)
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return f"{where} is {actual!r}, should be {expected!r}"
        return _first(
            difference(value, actual.get(key), f"{path}.{key}".lstrip(".")) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return _list_difference(expected, actual, path)
    return None if _text(expected) == _text(actual) else f"{where} is {actual!r}, should be {expected!r}"


def _list_difference(expected: Sequence[Any], actual: Any, path: str) -> str | None:
    wanted = list(expected[:-1]) if expected and expected[-1] == "$rest" else list(expected)
    if not isinstance(actual, list):
        return f"{path} is {actual!r}, should be a list"
    if len(actual) < len(wanted) or (len(actual) > len(wanted) and len(wanted) == len(expected)):
        return f"{path} has {len(actual)} elements, should have {len(wanted)}: {actual!r}"
    pairs = zip(wanted, actual, strict=False)
    return _first(difference(want, got, f"{path}[{index}]") for index, (want, got) in enumerate(pairs))


def _matcher_difference(expected: str, actual: Any, where: str) -> str | None:
    if expected == "$any":
        return f"{where} is not there" if actual in (None, "", "0", 0, False, [], {}) else None
    match = _MATCHES.fullmatch(expected)
    if match is None:
        raise CaseMalformed(f"{expected!r}: write `$matches <expression> e.g. <example>`")
    fits = actual is not None and re.search(match[1], str(actual))
    return None if fits else f"{where} is {actual!r}, should fit {match[1]}"


def _first(differences: Any) -> str | None:
    return next((found for found in differences if found is not None), None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def unify(pattern: Any, actual: Any, bound: dict[str, Any]) -> bool:
    """Whether a request fits the pattern that a case's request is; collects what placeholders stand for."""
    if isinstance(pattern, str) and "$" in pattern:
        return _unify_text(pattern, actual, bound)
    if isinstance(pattern, Mapping):
        found = actual if isinstance(actual, Mapping) else {}
        return set(found) <= set(pattern) and all(
            unify(value, found.get(key), bound) for key, value in pattern.items()
        )
    if isinstance(pattern, list):
        found_list = actual if isinstance(actual, list) else []
        return len(pattern) == len(found_list) and all(
            unify(want, got, bound) for want, got in zip(pattern, found_list, strict=True)
        )
    if actual is None:  # Defaults are not on the wire.
        return pattern in (None, 0, "", False)
    return _text(pattern) == _text(actual)


def _unify_text(pattern: str, actual: Any, bound: dict[str, Any]) -> bool:
    if actual is None:
        return False
    if pattern.startswith("$now"):
        return True
    if _CHOSEN.fullmatch(pattern) or re.fullmatch(r"\$\w+", pattern):
        name = pattern if "." in pattern else pattern[1:]
        return bool(bound.setdefault(name, actual) == actual)
    names = _EMBEDDED.findall(pattern)
    expression = "(.+)".join(re.escape(part) for part in _EMBEDDED.split(pattern)[::2])
    match = re.fullmatch(expression, str(actual))
    return match is not None and all(
        bound.setdefault(name, value) == value for name, value in zip(names, match.groups(), strict=True)
    )


def build(expectation: Any, descriptor: Descriptor, scope: Scope) -> dict[str, Any]:
    """A message, as a dict, that meets an expectation: placeholders without a value get one of their type."""
    return {
        name: _build_field(value, descriptor.fields_by_name[name], scope)
        for name, value in expectation.items()
        if value is not None
    }


def _build_field(value: Any, field: FieldDescriptor, scope: Scope) -> Any:
    if isinstance(value, list):
        return [_build_field(element, field, scope) for element in value if element != "$rest"]
    if isinstance(value, Mapping) and field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Any":
            return scope.resolve(value)
        if field.message_type.GetOptions().map_entry:
            part = field.message_type.fields_by_name["value"]
            return {key: _build_field(element, part, scope) for key, element in value.items()}
        return build(value, field.message_type, scope)
    return _build_text(value, field, scope) if isinstance(value, str) and "$" in value else value


def _build_text(text: str, field: FieldDescriptor, scope: Scope) -> Any:
    example = _MATCHES.fullmatch(text)
    if example is not None:
        return example[2]
    if text == "$any":
        return _of_type(field, scope)
    if re.fullmatch(r"\$(?!now)\w+", text):
        return scope.values.setdefault(text[1:], _of_type(field, scope))
    for name in _EMBEDDED.findall(text):
        scope.values.setdefault(name, f"some-{name}")
    return scope.resolve(text)


def _of_type(field: FieldDescriptor, scope: Scope) -> Any:
    if field.message_type is not None:
        is_time = field.message_type.full_name == "google.protobuf.Timestamp"
        return scope.resolve("$now") if is_time else {}
    if field.enum_type is not None:
        return field.enum_type.values[1].name
    if field.type == FieldDescriptor.TYPE_STRING:
        return _some_text(field)
    by_kind = {
        FieldDescriptor.TYPE_BYTES: "AAAA",
        FieldDescriptor.TYPE_BOOL: True,
    }
    # Numbers differ from call to call: ids that are drawn at random must not collide in a caller's test.
    return by_kind.get(field.type, uuid.uuid4().int % (1 << 31) + 1)


def _some_text(field: FieldDescriptor) -> str:
    """A text that keeps to the field's own rules."""
    rules = field.GetOptions().Extensions[validate_pb2.field].string
    if rules.uuid:
        return str(uuid.uuid4())
    if rules.pattern:
        return find(from_regex(rules.pattern, fullmatch=True), lambda text: len(text) >= rules.min_len)
    return f"some-{field.name}"[: rules.max_len or None].ljust(rules.min_len, "-")
