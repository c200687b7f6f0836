"""Keys that a service derives from its root secret, one for each purpose."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.mesh.keys.masters import KEY_BYTES, KeysUnusable


class PurposeKeys:
    """Derives one key for each purpose from a secret, so that no key ever serves two.

    The secret is kept wrapped by a master key: it stays when that one is rotated.
    """

    def __init__(self, root: bytes, service: str) -> None:
        if len(root) != KEY_BYTES:
            raise KeysUnusable(f"a root secret has {KEY_BYTES} bytes, this one {len(root)}")
        self._root = root
        self._prefix = f"hongbao.{service}/".encode()

    def derive(self, purpose: str) -> bytes:
        """The 32-byte key of a purpose, by HKDF-SHA256 (RFC 5869)."""
        info = self._prefix + purpose.encode()
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(self._root)
