"""The command `hongbao cards plan`, its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.cards_plan import Files, Ordered, plan_cards
from services.cli.console import run
from services.cli.options import amount_fen
from services.cli.places import require_place
from services.cli.planner.calibration import (
    DAYS_2016,
    FRIENDS_MEAN_2016,
    PEOPLE_2016,
    RARE_LIMIT_2016,
)
from services.cli.planner.curve import Target, target_of
from services.cli.planner.setting import Quotas, ReleaseShape, Setting, Wishes, quotas_for
from services.cli.planner.sweep import Sweep, limits_between

card_plans = typer.Typer()

_SAMPLE = 1_000_000
_SAMPLE_MAX = 50_000_000
_PEOPLE_MAX = 2_000_000_000
_RARE_MAX = 10_000_000_000
_QUOTA_MAX = 50_000_000_000
_SPONSOR_CARDS_A_PERSON_MAX = 100
_POOL_FEN_MAX = 1_000_000_000_000


def _fen(text: str, option: str) -> int:
    fen = amount_fen(text, option)
    if fen > _POOL_FEN_MAX:
        raise typer.BadParameter("more than 10 billion yuan", param_hint=option)
    return fen


def _quota(meaning: str) -> object:
    return typer.Option(min=0, max=_QUOTA_MAX, help=f"Quota of cards {meaning}")


def _limit(meaning: str) -> object:
    return typer.Option(min=1, max=_RARE_MAX, help=meaning)


@card_plans.command(
    epilog="Examples: `hongbao cards plan` &nbsp; `hongbao cards plan --share-at-least 50 --plan plan.json` "
    "&nbsp; `hongbao cards plan --people-at-least 20000000` &nbsp; "
    "`hongbao cards plan --rare 826888 --sample 10000000 --seeds 2` &nbsp; "
    "`hongbao cards plan --people 500000 --pool 2000000 --taps 10 --release late`"
)
def plan(
    people: Annotated[
        int, typer.Option(min=1_000, max=_PEOPLE_MAX, help="How many people the game is for.")
    ] = PEOPLE_2016,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1_000,
            max=_SAMPLE_MAX,
            help=f"How many are simulated, at 100 bytes a process, and stand for all. Default: {_SAMPLE:,}.",
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=60, help="From opening to deadline.")] = DAYS_2016,
    pool: Annotated[str, typer.Option(help="What is shared, in yuan.")] = "215000000",
    rare: Annotated[int | None, _limit("Play this one limit instead of a sweep.")] = None,
    rare_min: Annotated[
        int | None, _limit("Fewest rare cards of the sweep. Default: for every 1,000 people one.")
    ] = None,
    rare_max: Annotated[
        int | None, _limit("Most rare cards of the sweep. Default: for every 4 people one.")
    ] = None,
    points: Annotated[int, typer.Option(min=2, max=100, help="Limits in the sweep.")] = 9,
    seeds: Annotated[
        int, typer.Option(min=2, max=100, help="How often each is played, by other people.")
    ] = 5,
    seed: Annotated[int, typer.Option(min=0, max=(1 << 63) - 1, help="The first of the seeds.")] = 2016,
    friends: Annotated[
        float, typer.Option(min=0, max=200, help="Friends that people make, on average, one card each.")
    ] = FRIENDS_MEAN_2016,
    taps: Annotated[
        float, typer.Option(min=0, max=100, help="Cards from taps that people would earn, on average.")
    ] = Wishes().taps,
    shares: Annotated[
        float, typer.Option(min=0, max=100, help="Cards from sharing that people would earn, on average.")
    ] = Wishes().shares,
    friend_cards: Annotated[int | None, _quota("for friends made. Default: what people would earn.")] = None,
    tap_cards: Annotated[int | None, _quota("for taps. Default: likewise.")] = None,
    share_cards: Annotated[int | None, _quota("for sharing. Default: likewise.")] = None,
    sponsor_cards: Annotated[int, _quota("that the sponsor gives to anybody.")] = 0,
    release: Annotated[
        ReleaseShape,
        typer.Option(help="When rare cards come: the same every day, or most early or late."),
    ] = ReleaseShape.EVEN,
    share_at_least: Annotated[
        str | None, typer.Option(help="Find the most rare cards for which each gets so many yuan.")
    ] = None,
    people_at_least: Annotated[
        int | None,
        typer.Option(min=1, max=_PEOPLE_MAX, help="Find the fewest rare cards with which so many complete."),
    ] = None,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", help="Write the supply plan here. Default: a target's plan is printed."),
    ] = None,
    csv: Annotated[Path, typer.Option(help="Write what was found here.")] = Path("cards-plan.csv"),
    picture: Annotated[Path, typer.Option(help="Draw it here, as PNG.")] = Path("cards-plan.png"),
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="How many work side by side; they change nothing else.")
    ] = 2,
) -> None:
    """Tells how many rare cards would be right: who finishes, and what each gets, by the rare-card limit.

    Simulates people who earn cards, ask their friends for what they miss, give what they can spare, and give
    up; see the planner's README for what that can tell, and what not. The defaults are the campaign of 2016.
    """
    pool_fen = _fen(pool, "--pool")
    wishes = Wishes(friends=friends, taps=taps, shares=shares)
    setting = Setting(
        quotas=_quotas(people, wishes, (friend_cards, tap_cards, share_cards, sponsor_cards)),
        people=people,
        sample=min(people, sample or _SAMPLE),
        days=days,
        pool_fen=pool_fen,
        wishes=wishes,
        shape=release,
    )
    target = _target(people_at_least, share_at_least, pool_fen)
    if plan_file is not None and target is None and rare is None:
        raise typer.BadParameter(
            "say for what: --rare, --share-at-least or --people-at-least", param_hint="--plan"
        )
    limits = _limits(setting, rare, rare_min, rare_max, points, has_target=target is not None)
    _require_places({"--csv": csv, "--picture": picture, "--plan": plan_file})
    sweep = Sweep(setting, tuple(range(seed, seed + seeds)), limits)
    run(plan_cards(Ordered(sweep, target, processes), Files(csv, picture, plan_file)))


def _require_places(paths: dict[str, Path | None]) -> None:
    """Asks whether each file can be written, and that none takes the place of another."""
    taken: dict[Path, str] = {}
    for option, path in paths.items():
        if path is None:
            continue
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            raise typer.BadParameter(f"{path} is what {other} names", param_hint=option)
        require_place(path, option, replaces=True)


def _quotas(people: int, wishes: Wishes, asked: tuple[int | None, int | None, int | None, int]) -> Quotas:
    usual = quotas_for(people, wishes)
    friend, tap, share, sponsor = asked
    quotas = Quotas(
        friend=usual.friend if friend is None else friend,
        tap=usual.tap if tap is None else tap,
        share=usual.share if share is None else share,
        sponsor=sponsor,
    )
    if quotas.sponsor > _SPONSOR_CARDS_A_PERSON_MAX * people:
        complaint = f"more than {_SPONSOR_CARDS_A_PERSON_MAX} cards for each person"
        raise typer.BadParameter(complaint, param_hint="--sponsor-cards")
    if not quotas.total:
        raise typer.BadParameter("no source deals any card", param_hint="--friend-cards")
    return quotas


def _target(people_at_least: int | None, share_at_least: str | None, pool_fen: int) -> Target | None:
    share_fen = None if share_at_least is None else _fen(share_at_least, "--share-at-least")
    try:
        return target_of(people_at_least, share_fen, pool_fen)
    except ValueError as failure:
        raise typer.BadParameter(str(failure), param_hint="--share-at-least") from None


def _limits(
    setting: Setting,
    rare: int | None,
    rare_min: int | None,
    rare_max: int | None,
    points: int,
    *,
    has_target: bool,
) -> tuple[int, ...]:
    if rare is not None:
        if has_target or rare_min is not None or rare_max is not None:
            raise typer.BadParameter("one limit is no sweep, and meets no target", param_hint="--rare")
        return (rare,)
    lowest = max(1, setting.people // 1_000) if rare_min is None else rare_min
    highest = max(lowest + 1, setting.people // 4) if rare_max is None else rare_max
    if lowest >= highest:
        raise typer.BadParameter(f"has to be above {lowest:,}", param_hint="--rare-max")
    as_in_2016 = RARE_LIMIT_2016 * setting.people // PEOPLE_2016
    return limits_between(lowest, highest, points, always=(as_in_2016,))
