from __future__ import annotations

import pytest

from services.allocation.settings import AllocationSettings
from services.mesh.admission import LimitReached


def test_envelopes_are_bounded_in_number_and_in_a_second() -> None:
    admission = AllocationSettings(envelope_calls_max=2).envelope_admission(lambda: 0.0)
    admission.enter()
    admission.enter()
    with pytest.raises(LimitReached) as refused:
        admission.enter()
    assert refused.value.metadata == {"limit": "envelope_calls_max"}
    slow = AllocationSettings(envelope_calls_per_s=4, envelope_burst_ms=500).envelope_admission(lambda: 0.0)
    slow.enter()
    slow.enter()
    with pytest.raises(LimitReached) as refused:
        slow.enter()
    assert refused.value.metadata == {"limit": "envelope_calls_per_s"}
