from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongbao.allocation.v1 import allocation_pb2
from services.allocation.api.columns import packed_fixed, packed_small, packed_varints

BOUNDS = [127, 128, 16_383, 16_384, 2**28 - 1, 2**28]
INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.one_of(INT64, st.integers(-1, 300), st.sampled_from(BOUNDS)), max_size=50))
def test_columns_are_what_protobuf_itself_would_read_and_write(numbers: list[int]) -> None:
    column = np.array(numbers, np.int64)
    expected = allocation_pb2.ListPacketsResponse(
        packet_indexes=numbers, person_ids=numbers, amounts_fen=numbers
    )
    written = packed_varints(1, column) + packed_fixed(2, column) + packed_varints(3, column)
    read = allocation_pb2.ListPacketsResponse.FromString(written)
    assert read == expected
    assert read.SerializeToString() == expected.SerializeToString()


@pytest.mark.parametrize("largest", [0, 127, 128, 880, 16_383, 16_384, 2**28 - 1, 2**28, 2**63 - 1])
@pytest.mark.parametrize("smallest", [0, -1, -2])
def test_every_way_to_write_a_column_meets_its_bounds(smallest: int, largest: int) -> None:
    column = np.array([largest, smallest, 0, 1, largest], np.int64)
    read = allocation_pb2.ListPacketsResponse.FromString(packed_varints(1, column))
    assert list(read.packet_indexes) == column.tolist()


@given(st.lists(st.integers(0, 8), max_size=300))
def test_small_numbers_are_a_byte_each(numbers: list[int]) -> None:
    column = np.array(numbers, np.uint8)
    expected = allocation_pb2.ClaimBatchResponse(outcomes=numbers)  # type: ignore[arg-type]  # any number may travel
    assert packed_small(2, column) == expected.SerializeToString()
