"""The published rule of the draw once more, number by number, as someone else would write it."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def reference_draw(
    seed: bytes,
    stock_id: str,
    shard: int,
    count: int,
    budget_fen: int,
    min_fen: int,
    max_fen: int,
    beacon: bytes | None = None,
) -> list[int]:
    name = stock_id.encode()
    if beacon is None:
        secret = b"hongbao draw 1\0" + seed
    else:
        secret = b"hongbao draw 2\0" + seed + bytes([len(beacon)]) + beacon
    key = hashlib.sha256(secret + len(name).to_bytes(2, "big") + name + shard.to_bytes(4, "big")).digest()

    def word(column: int, index: int, size: int) -> int:
        block, offset = divmod(index * size, 16)
        # One block of counter mode is the encryption of the counter itself.
        counter = column.to_bytes(8, "big") + block.to_bytes(8, "big")
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a single block
        return int.from_bytes(encryptor.update(counter)[offset : offset + size], "little")

    room = max_fen - min_fen
    above_min = budget_fen - count * min_fen
    mirrored = count * room - above_min < above_min
    total = min(above_min, count * room - above_min)
    extras = [0] * count
    if total:
        scale = min(room, -(-17 * total // count))
        numbers = min(max(scale * count // total - 1, 1), 16)
        threshold = (total * (numbers + 2) - scale * count) * (numbers + 1) * 2**32 // (scale * count)
        for index in range(count):
            drawn = [word(3 + number, index, 4) for number in range(numbers + 1)]
            chosen = drawn if word(1, index, 4) >= threshold else drawn[:-1]
            extras[index] = (min(chosen) * scale + word(2, index, 4)) >> 32
        _correct(extras, room, total, [word(0, index, 8) for index in range(count)])
    return [max_fen - extra if mirrored else min_fen + extra for extra in extras]


def _correct(extras: list[int], room: int, total: int, order: list[int]) -> None:
    while missing := total - sum(extras):
        sign = 1 if missing > 0 else -1
        can = [index for index, extra in enumerate(extras) if (extra < room if sign > 0 else extra > 0)]
        each = abs(missing) // len(can)
        if each == 0:
            for index in sorted(can, key=lambda index: (order[index], index))[: abs(missing)]:
                extras[index] += sign
        else:
            for index in can:
                extras[index] += sign * min(each, room - extras[index] if sign > 0 else extras[index])
