"""The commands of `hongbao partners`, their options and their help."""

from __future__ import annotations

import enum
import uuid
from typing import Annotated

import typer

from hongbao.identity.v1 import credit_partner_pb2 as pb
from hongbao.identity.v1.credit_partner_pb2_grpc import CreditPartnerRegisterServiceStub
from services.cli.commands.partners import say_registered, say_standing, show_partners
from services.cli.console import COMPLAINTS
from services.cli.members import ask_member
from services.cli.options import HOME, Home
from services.mesh.errors import ErrorKind, ServiceError

partners = typer.Typer(
    no_args_is_help=True,
    help="Keeps the merchants and lenders that ask about people's credit. See identity's README.",
)

_PAGE_SIZE = 100


class Kind(enum.StrEnum):
    """What a partner does."""

    MERCHANT = "merchant"
    LENDER = "lender"


def _request_id(text: str | None) -> str | None:
    try:
        return None if text is None else str(uuid.UUID(text))
    except ValueError:
        raise typer.BadParameter("it is no UUID") from None


def _name(text: str) -> str:
    if not 0 < len(text) <= 40 or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):  # noqa: PLR2004 - the contract's bounds
        raise typer.BadParameter("a name has 1 to 40 characters, none of which moves the cursor")
    return text


@partners.command(
    epilog="Examples: `hongbao partners register 共享单车 merchant` &nbsp; "
    "`hongbao partners register 小额贷款 lender`"
)
def register(
    name: Annotated[str, typer.Argument(callback=_name, help="What people know it as.")],
    kind: Annotated[Kind, typer.Argument(help="What it does: only lenders are told of loans.")],
    request_id: Annotated[
        str | None,
        typer.Option(callback=_request_id, help="UUID of an attempt whose answer was lost: repeats it."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Registers a merchant or lender, and shows its secret: only now, so pass it on at once."""
    attempt = request_id or str(uuid.uuid4())
    request = pb.RegisterPartnerRequest(
        request_id=attempt, name=name, kind=pb.PartnerKind.Value(f"PARTNER_KIND_{kind.name}")
    )
    try:
        answer = ask_member(
            home,
            "identity",
            lambda channel, timeout_s: CreditPartnerRegisterServiceStub(channel).RegisterPartner(
                request, timeout=timeout_s
            ),
        )
    except ServiceError as failure:
        if failure.kind in {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE}:
            COMPLAINTS.print(f"whether it was done is not known: repeat it with --request-id {attempt}")
        raise
    say_registered(answer)


@partners.command("list", epilog="Example: `hongbao partners list`")
def list_partners(
    most: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 1_000,
    home: Home = HOME,
) -> None:
    """Lists the merchants and lenders."""
    found: list[pb.Partner] = []
    request = pb.ListPartnersRequest(page_size=_PAGE_SIZE)
    while len(found) < most:
        page = ask_member(
            home,
            "identity",
            lambda channel, timeout_s: CreditPartnerRegisterServiceStub(channel).ListPartners(
                request, timeout=timeout_s
            ),
        )
        found += page.partners
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    show_partners(found[:most])


@partners.command(
    epilog="Examples: `hongbao partners suspend 42` &nbsp; `hongbao partners suspend 42 --lift`"
)
def suspend(
    partner: Annotated[int, typer.Argument(min=1, max=(1 << 63) - 1, help="The partner's number.")],
    *,
    lift: Annotated[bool, typer.Option("--lift", help="Let it ask again.")] = False,
    home: Home = HOME,
) -> None:
    """Keeps a partner from asking about anybody; what becomes of its loans can still be told."""
    request = pb.SuspendPartnerRequest(partner_id=partner, suspended=not lift)
    answer = ask_member(
        home,
        "identity",
        lambda channel, timeout_s: CreditPartnerRegisterServiceStub(channel).SuspendPartner(
            request, timeout=timeout_s
        ),
    )
    say_standing(answer.partner)
