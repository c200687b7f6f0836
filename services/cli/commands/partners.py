"""`hongbao partners`: who may ask about people's credit."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from hongbao.identity.v1 import credit_partner_pb2 as pb
from services.cli.console import CONSOLE, visible


def say_registered(answer: pb.RegisterPartnerResponse) -> None:
    """Prints a new partner's number and secret."""
    partner = answer.partner
    _line(f"partner {partner.partner_id}: {partner.name}, {_kind(partner)}")
    if answer.partner_secret:
        _line(f"secret: {answer.partner_secret}")
    else:
        _line("its secret has been used before, and is not shown again")


def show_partners(partners: Iterable[pb.Partner]) -> None:
    """Prints a table of partners."""
    table = Table(title="Partners", title_justify="left")
    # A number that is broken over two lines cannot be copied.
    table.add_column("partner", no_wrap=True)
    for header in ("name", "kind", "registered", "suspended"):
        table.add_column(header, overflow="fold")
    for partner in partners:
        table.add_row(
            str(partner.partner_id),
            Text(visible(partner.name)),
            _kind(partner),
            f"{partner.registered_at.ToDatetime():%Y-%m-%d %H:%M} UTC",
            _suspended(partner),
        )
    CONSOLE.print(table)


def say_standing(partner: pb.Partner) -> None:
    """Prints whether a partner may ask."""
    since = _suspended(partner)
    standing = f"suspended since {since}" if since else "may ask"
    _line(f"partner {partner.partner_id}: {partner.name}, {standing}")


def _suspended(partner: pb.Partner) -> str:
    if not partner.HasField("suspended_at"):
        return ""
    return f"{partner.suspended_at.ToDatetime():%Y-%m-%d %H:%M} UTC"


def _kind(partner: pb.Partner) -> str:
    return pb.PartnerKind.Name(partner.kind).removeprefix("PARTNER_KIND_").lower()


def _line(text: str) -> None:
    # Others chose the names: they are no markup, and move no cursor.
    CONSOLE.print(visible(text), markup=False, highlight=False, soft_wrap=True)
