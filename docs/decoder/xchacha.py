"""XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): HChaCha20 written out, the rest is ChaCha20-Poly1305."""
import struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MASK = 0xFFFFFFFF
ROUNDS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def hchacha20(key, nonce):
    """§2.2: a sub-key of 32 bytes from a key of 32 and a nonce of 16."""
    v = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for a, b, c, d in ROUNDS:
            for x, y, z, r in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                v[x] = (v[x] + v[y]) & MASK
                t = v[z] ^ v[x]
                v[z] = (t << r | t >> (32 - r)) & MASK
    return struct.pack("<8I", *v[:4], *v[12:])


def xchacha_open(key, nonce, sealed, aad):
    """The plain text. Raises cryptography.exceptions.InvalidTag."""
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).decrypt(bytes(4) + nonce[16:], sealed, aad)
