"""Whether a file can be written where somebody wants it: better asked before the work than after it."""

from __future__ import annotations

import os
from pathlib import Path

from services.cli.console import Refusal


def require_place(path: Path | None, option: str, *, replaces: bool = False) -> None:
    """Raises `Refusal` when no file can be written there; `option` is what named it: `--report`.

    `replaces`: a new file takes the place of an old one, which a device or a pipe would not survive.
    """
    if path is None:
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise Refusal(f"the folder of {path} does not exist; create it first")
    if path.is_dir():
        raise Refusal(f"{path} is a folder; name a file in it with {option}")
    if replaces and path.exists() and not path.is_file():
        raise Refusal(f"{path} is no file, and would be replaced by one; name another {option}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refusal(f"the folder of {path} cannot be written to; choose another {option}")
