"""The published rule of the lucky split once more, step by step, as someone else would write it."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def reference_lucky(seed: bytes, envelope_id: int, total_fen: int, shares: int, min_fen: int) -> list[int]:
    key = hashlib.sha256(b"hongbao lucky 1\0" + seed + envelope_id.to_bytes(8, "big")).digest()

    def word(number: int) -> int:
        # One block of counter mode is the encryption of the counter itself.
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a single block
        block = encryptor.update((number // 2).to_bytes(16, "big"))
        return int.from_bytes(block[8 * (number % 2) :][:8], "little")

    last = total_fen - shares * (min_fen - 1)
    cuts: list[int] = []
    used = 0
    for largest in range(last - shares + 1, last):
        while word(used) >= 2**64 // largest * largest:
            used += 1
        cut = 1 + word(used) % largest
        used += 1
        cuts.append(largest if cut in cuts else cut)
    amounts, before = [], 0
    for cut in [*sorted(cuts), last]:
        amounts.append(cut - before + min_fen - 1)
        before = cut
    return amounts
