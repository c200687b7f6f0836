"""Some answers are told by players' contracts as services give them: field by field, number by number."""

from __future__ import annotations

from types import ModuleType

import pytest
from google.protobuf.descriptor import Descriptor

from hongbao.gateway.v1 import circle_pb2 as gateway_circles
from hongbao.gateway.v1 import invitation_pb2 as gateway_invitations
from hongbao.gateway.v1 import verification_pb2 as gateway_verification
from hongbao.identity.v1 import verification_pb2 as identity_verification
from hongbao.social.v1 import circle_pb2 as social_circles
from hongbao.social.v1 import invitation_pb2 as social_invitations

CONTRACTS = [
    (gateway_circles, social_circles),
    (gateway_invitations, social_invitations),
    (gateway_verification, identity_verification),
]


@pytest.mark.parametrize(("gateway", "service"), CONTRACTS)
def test_answers_have_the_same_fields_under_the_same_numbers(
    gateway: ModuleType, service: ModuleType
) -> None:
    messages, counterparts = (module.DESCRIPTOR.message_types_by_name for module in (gateway, service))
    answers = {name for name in messages if not name.endswith("Request")}
    assert len(answers) > 3
    for name in answers:
        assert fields(messages[name]) == fields(counterparts[name]), name


@pytest.mark.parametrize(("gateway", "service"), CONTRACTS)
def test_what_is_asked_has_the_same_names_and_leaves_out_only_who_asks(
    gateway: ModuleType, service: ModuleType
) -> None:
    messages, counterparts = (module.DESCRIPTOR.message_types_by_name for module in (gateway, service))
    for name in (name for name in messages if name.endswith("Request")):
        more = set(counterparts[name].fields_by_name) - set(messages[name].fields_by_name)
        assert set(messages[name].fields_by_name) <= set(counterparts[name].fields_by_name), name
        assert more <= {"person_id", "inviting_person_id"}, name


@pytest.mark.parametrize(("gateway", "service"), CONTRACTS)
def test_states_have_the_same_numbers(gateway: ModuleType, service: ModuleType) -> None:
    for name, kind in gateway.DESCRIPTOR.enum_types_by_name.items():
        counterpart = service.DESCRIPTOR.enum_types_by_name[name]
        assert {value.name: value.number for value in kind.values} == {
            value.name: value.number for value in counterpart.values
        }


def fields(message: Descriptor) -> dict[str, tuple[int, int]]:
    return {field.name: (field.number, field.type) for field in message.fields}
