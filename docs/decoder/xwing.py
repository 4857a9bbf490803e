"""X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one key pair from a seed of 32 bytes."""
from hashlib import sha3_256, shake_256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import mlkem768

LABEL = b"\\.//^\\"


def expand(seed):
    """expandDecapsulationKey: (ML-KEM key pair, X25519 private key, its public key)."""
    long_seed = shake_256(seed).digest(96)
    private = X25519PrivateKey.from_private_bytes(long_seed[64:])
    return mlkem768.keygen(long_seed[:64]), private, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_key(seed):
    """1,216 bytes."""
    (ek, _), _, x_public = expand(seed)
    return ek + x_public


def decapsulate(seed, ciphertext):
    """The shared secret, 32 bytes, from a ciphertext of 1,120."""
    (_, dk), private, x_public = expand(seed)
    m_part, x_part = ciphertext[:1088], ciphertext[1088:]
    m_secret = mlkem768.decapsulate(dk, m_part)
    x_secret = private.exchange(X25519PublicKey.from_public_bytes(x_part))
    return sha3_256(m_secret + x_secret + x_part + x_public + LABEL).digest()
