"""What people and services are told of an error, over a port and over a local network alike."""

from __future__ import annotations

import pytest

from services.mesh.callgraph import OPERATOR, PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import LANGUAGE_KEY, sentence
from services.mesh.settings import MeshSettings
from tests.unit.mesh.echo import EchoRequest, EchoStub
from tests.unit.mesh.echo_mesh import echo_mesh, requests

CHINESE, ENGLISH = {"zh-CN": "满了。"}, {"en": "It is full."}
HELP = "https://help.example.com/BOX_FULL"


class BoxFull(ServiceError):
    kind = ErrorKind.EXHAUSTED
    domain = "hongbao.echo"
    reason = "BOX_FULL"
    localized = sentence("满了。", "It is full.")


async def refuse(*_: object) -> None:
    raise BoxFull("the box is full")


async def refusal(transport: str, caller: str, arity: str, *metadata: tuple[str, str]) -> ServiceError:
    """What a caller is answered that a full box was reached by."""
    async with echo_mesh(transport, help_url="https://help.example.com/{reason}") as mesh:
        mesh.echo.on_say = refuse
        channels = ChannelFactory(MeshSettings(), caller, network=mesh.network)
        stub = EchoStub(channels.channel(mesh.address))
        if arity == "say":
            answer = stub.say(EchoRequest(text="hi"), metadata=metadata)
        else:
            answer = stub.chat(requests("hi"), metadata=metadata).read()
        with pytest.raises(ServiceError) as failed:
            await answer
        await channels.close()
    return failed.value


@pytest.mark.parametrize("transport", ["port", "local"])
@pytest.mark.parametrize("arity", ["say", "chat"])
async def test_a_person_is_told_in_their_language_and_where_there_is_help(transport: str, arity: str) -> None:
    error = await refusal(transport, PLAYER, arity, (LANGUAGE_KEY, "en-US,en;q=0.9"))

    assert (error.reason, error.localized, error.help_url) == ("BOX_FULL", ENGLISH, HELP)


@pytest.mark.parametrize("language", ["zh-CN", "zh", "fr", "", ";;q=?"])
async def test_chinese_is_told_to_whoever_does_not_ask_for_english(language: str) -> None:
    assert (await refusal("port", PLAYER, "say", (LANGUAGE_KEY, language))).localized == CHINESE


async def test_chinese_is_told_to_whoever_asks_for_nothing() -> None:
    assert (await refusal("local", "", "say")).localized == CHINESE


async def test_an_operator_is_a_person() -> None:
    assert (await refusal("local", OPERATOR, "say", (LANGUAGE_KEY, "en"))).localized == ENGLISH


@pytest.mark.parametrize("transport", ["port", "local"])
async def test_a_service_is_told_in_all_languages_whatever_it_asks_for(transport: str) -> None:
    error = await refusal(transport, "gateway", "say", (LANGUAGE_KEY, "en"))

    assert (error.localized, error.help_url) == (CHINESE | ENGLISH, "")
