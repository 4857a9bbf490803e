"""Known answers for everything that is written out here: `python3 docs/decoder/selftest.py`."""
import json
import pathlib

import blake3
import keys
import mlkem768
import neo_repo
import xchacha
import xwing

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "test/fixtures/decoder"
ELVISH = b"whats the Elvish word for friend"
CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"
SUNSCREEN = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
             b"sunscreen would be it.")
checked = 0


def same(got, expected, what):
    global checked
    checked += 1
    if got != (bytes.fromhex(expected) if isinstance(expected, str) else expected):
        raise SystemExit(f"{what}: {got.hex()} is not {expected}")


def vectors(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def pattern(length):
    return bytes(i % 251 for i in range(length))


def test_blake3():
    # the BLAKE3 team's test_vectors.json
    same(blake3.blake3(b""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", "blake3")
    same(blake3.blake3(pattern(8193), written_out=True),
         "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b", "blake3")
    same(blake3.blake3(pattern(102400), key=ELVISH),
         "1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7", "keyed blake3")
    for v in vectors("blake3"):
        for alone in (True, False):
            same(blake3.blake3(pattern(v["length"]), written_out=alone), v["hash"], "blake3")
            same(blake3.blake3(pattern(v["length"]), key=ELVISH, written_out=alone), v["keyed"], "keyed blake3")
            same(blake3.blake3(pattern(v["length"]), context=CONTEXT, written_out=alone), v["derived"], "derived")


def test_xchacha():
    # draft-irtf-cfrg-xchacha-03, §2.2.1 and appendix A.3.1
    same(xchacha.hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927")),
         "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc", "hchacha20")
    sealed = bytes.fromhex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
        "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49")
    same(xchacha.xchacha_open(bytes(range(0x80, 0xa0)), bytes(range(0x40, 0x58)), sealed,
                              bytes.fromhex("50515253c0c1c2c3c4c5c6c7")), SUNSCREEN, "xchacha20-poly1305")
    for v in vectors("xchacha"):
        key, nonce, aad, sealed = (bytes.fromhex(v[name]) for name in ("key", "nonce", "aad", "sealed"))
        same(xchacha.xchacha_open(key, nonce, sealed, aad), pattern(v["length"]), "xchacha20-poly1305")


def test_kems():
    for v in vectors("mlkem768"):
        ek, dk = mlkem768.keygen(bytes.fromhex(v["seed"]))
        same(ek, v["publicKey"], "ml-kem public key")
        same(blake3.blake3(dk), v["secretKeyHash"], "ml-kem secret key")
        c = bytearray.fromhex(v["ciphertext"])
        same(mlkem768.decapsulate(dk, bytes(c)), v["secret"], "ml-kem secret")
        c[v["forgedByte"]] ^= v["forgedBits"]
        same(mlkem768.decapsulate(dk, bytes(c)), v["forgedSecret"], "ml-kem implicit rejection")
    for v in vectors("xwing"):
        seed = bytes.fromhex(v["seed"])
        same(xwing.public_key(seed), v["publicKey"], "x-wing public key")
        same(xwing.decapsulate(seed, bytes.fromhex(v["ciphertext"])), v["secret"], "x-wing secret")


def test_derivations():
    for v in vectors("hkdf"):
        same(keys.K(bytes.fromhex(v["key"]), v["label"], bytes.fromhex(v["domain"])), v["out"], "hkdf")
    kdf = {"name": "argon2id", "memory": 1024, "passes": 5, "lanes": 1, "salt": "QUJDREVGR0hJSktMTU5PUA"}
    same(keys.derive(kdf, b"123", any_strength=True),
         "3c5d010180ba0cf5b6b858cba23b318e42d33088983c404598599c3b029ecac6", "argon2id")
    kdf = {"name": "scrypt", "n": 1024, "r": 8, "p": 16, "salt": "TmFDbA"}  # RFC 7914 §12, the first 32 bytes
    same(keys.derive(kdf, b"password", any_strength=True),
         "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162", "scrypt")


def test_format():
    for v in vectors("paper"):
        same(keys.paper_key(v["text"]), v["secret"], "paper key")
        same(keys.paper_key(v["text"].lower().replace("-", " 3 ").replace("0", "o")), v["secret"], "paper key, typed")
        try:
            keys.paper_key(v["text"][:-8] + ("X" if v["text"][-8] != "X" else "Y") + v["text"][-7:])
            raise SystemExit("a mistyped recovery key passes")
        except keys.Damaged:
            pass
    for v in vectors("blobs"):
        kind = {"data": neo_repo.DATA, "tree": neo_repo.TREE, "list": neo_repo.LIST}[v["kind"]]
        key = blake3.blake3(bytes.fromhex(v["plain"]), key=keys.K(bytes.fromhex(v["root"]), f"content.{v['kind']}"))
        same(key, v["key"], "content key")
        same(blake3.blake3(b"neo/v1 id" + key), v["id"], "blob id")
        same(neo_repo.open_blob(key, kind, bytes.fromhex(v["id"]), bytes.fromhex(v["sealed"])), v["plain"], "blob")


for test in (test_blake3, test_xchacha, test_kems, test_derivations, test_format):
    test()
print(f"all {checked} vectors agree")
