"""Starts the `hongbao` command."""

from __future__ import annotations

from services.cli.signals import answer_signals


def main() -> None:
    """Entry point of the installed command."""
    answer_signals()
    # Importing what the commands stand on takes a second, in which a Ctrl-C has its answer already.
    from services.cli.app import app  # noqa: PLC0415 - see above
    from services.cli.console import answer  # noqa: PLC0415 - as above

    answer(app)


if __name__ == "__main__":
    main()
