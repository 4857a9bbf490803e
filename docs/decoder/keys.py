"""Keys of docs/format.md: derivation (§1), passwords (§4), the recovery key on paper (§9)."""
import base64
import hashlib
import re
import unicodedata

from argon2 import low_level
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from blake3 import blake3

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Damaged(Exception):
    """Something that this reader must refuse."""


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def K(key, label, domain=b""):
    return HKDF(SHA256(), 32, b"", b"neo/v1 " + label.encode() + b"\0" + domain).derive(key)


def password_bytes(password):
    """NFC if the bytes are UTF-8, as they are otherwise."""
    try:
        return unicodedata.normalize("NFC", password.decode()).encode()
    except UnicodeDecodeError:
        return password


def kdf_in_bounds(kdf):
    """The limits of §4: storage may have put other parameters there, to weaken a new slot or to exhaust a reader."""
    if kdf["name"] == "argon2id":
        m, passes = kdf["memory"], kdf["passes"]
        return 64 << 10 <= m <= 1 << 20 and 1 <= passes <= 64 and m * passes >= 192 << 10 and kdf["lanes"] <= 64
    n, r = kdf["n"], kdf["r"]
    return n <= 1 << 20 and r <= 32 and kdf["p"] <= 16 and n * r >= 1 << 17 and 128 * n * r <= 1 << 30


def derive(kdf, password, any_strength=False):
    """kek of a slot: KDF(password)."""
    if not any_strength and not kdf_in_bounds(kdf):
        raise Damaged(f"KDF out of bounds: {kdf}")
    password, salt = password_bytes(password), unb64(kdf["salt"])
    if kdf["name"] == "argon2id":
        memory, passes, lanes = kdf["memory"], kdf["passes"], kdf["lanes"]
        return low_level.hash_secret_raw(password, salt, passes, memory, lanes, 32, low_level.Type.ID)
    return hashlib.scrypt(password, salt=salt, n=kdf["n"], r=kdf["r"], p=kdf["p"], maxmem=2**31 - 1, dklen=32)


def paper_key(text):
    """The 32 bytes of a recovery key as typed in: eleven groups of five. Comments, line numbers, checks are skipped."""
    lines = [line for line in text.upper().splitlines() if not line.lstrip().startswith("#")]
    digits = "".join(re.findall(r"\b[0-9A-Z]{5}\b", "\n".join(lines))).translate(str.maketrans("ILO", "110"))
    if len(digits) != 55 or any(digit not in CROCKFORD for digit in digits):
        raise Damaged("a recovery key has eleven groups of five characters, without U")
    value = 0
    for digit in digits:
        value = value << 5 | CROCKFORD.index(digit)
    data = (value >> 3).to_bytes(34, "big")
    if value & 7 or blake3(b"neo/v1 paper" + data[:32])[:2] != data[32:]:
        raise Damaged("the recovery key is mistyped: its check sum is wrong")
    return data[:32]
