"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# Tables are printed as wide as tests read them, whatever terminal or none there is.
os.environ["COLUMNS"] = "200"

# How long one example takes says more about the machine than about the code.
settings.register_profile("hongbao", deadline=None, print_blob=True)
settings.load_profile("hongbao")
