"""All of them together."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from services.cli.gala.apps.circles import Circles
from services.cli.gala.apps.credit import Credit
from services.cli.gala.apps.devices import Devices
from services.cli.gala.apps.inviting import Inviting
from services.cli.gala.apps.leaving import Leaving
from services.cli.gala.apps.verifying import Verifying
from services.cli.gala.apps.writing import Writing


@dataclass(frozen=True, slots=True)
class Apps:
    """Everybody's app, by what it is for."""

    verifying: Verifying
    inviting: Inviting
    writing: Writing
    circles: Circles
    credit: Credit
    devices: Devices
    leaving: Leaving


def open_apps(channel: grpc.aio.Channel, campaign_id: str) -> Apps:
    """Apps that call over this channel."""
    return Apps(
        verifying=Verifying(channel),
        inviting=Inviting(channel, campaign_id),
        writing=Writing(channel),
        circles=Circles(channel),
        credit=Credit(channel),
        devices=Devices(channel),
        leaving=Leaving(channel),
    )
