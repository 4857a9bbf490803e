"""A repository of docs/format.md, opened for reading: slots, configs, index, packs, blobs, snapshots."""
import functools
import json
import pathlib
import sys

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

import xwing
from blake3 import blake3, blake3_file
from keys import Damaged, K, derive, unb64
from xchacha import xchacha_open

MAGIC = b"neo\0"
KINDS = {"config": 1, "slot": 2, "pack": 3, "index": 4, "snapshot": 5, "removal": 6}
SUITES = {1: ("aes-256-gcm", AESGCM), 2: ("chacha20-poly1305", ChaCha20Poly1305)}
DATA, TREE, LIST = 1, 2, 3
FEATURES = {"content-epochs"}
BLOB_SECRETS = {DATA: "content.data", TREE: "content.tree", LIST: "content.list"}
FULL, ED25519, MAX_BLOB, MAX_FRAME = 1, 1, 16 << 20, 4 << 20
REFUSED = (Damaged, InvalidTag, InvalidSignature, OSError, ValueError, KeyError, TypeError, zstandard.ZstdError)


def note(text):
    print(text, file=sys.stderr)


def need(condition, text):
    if not condition:
        raise Damaged(text)


def parse(data):
    """Canonical JSON. (Member names are ASCII here, so Python's order is RFC 8785's.)"""
    value = json.loads(data)
    again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    need(again.encode() == bytes(data), "the JSON is not canonical")
    return value


def unseal(key, aad, box):
    return xchacha_open(key, box[:24], box[24:], aad)


def open_blob(key, kind, blob_id, sealed):
    """The plain bytes of a sealed blob (§5), whose content key is still to be compared."""
    suite = sealed[0]
    need(suite in SUITES, "needs a newer neo")
    name, aead = SUITES[suite]
    blob_key = blake3(key, context=f"neo/v1 {name}")
    c = Cursor(aead(blob_key).decrypt(sealed[1:13], sealed[13:], bytes([suite, kind]) + blob_id))
    codec, length, plain = c.u(1), c.u(4), c.data[5:]
    need(length <= MAX_BLOB and codec in (0, 1), "not a payload")
    if codec == 1:
        need(zstandard.frame_content_size(plain) == length <= MAX_FRAME, "a frame of another length")
        plain = zstandard.ZstdDecompressor().decompress(plain, allow_extra_data=False)
    need(len(plain) == length, "has another length")
    return plain


class Cursor:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, count):
        need(count <= len(self.data) - self.at, "ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def u(self, size):
        return int.from_bytes(self.take(size), "little")

    def sized(self, size=4):
        return self.take(self.u(size))

    def end(self):
        need(self.at == len(self.data), "has bytes after its end")


class Repository:
    def __init__(self, path, password=None, secret=None, key_file=None, from_packs=False):
        """One of: password (bytes), secret (32 bytes of a recovery key), key file (its parsed JSON)."""
        self.path = pathlib.Path(path).resolve()  # restoring changes the working directory
        self.slot = self.open_slots(password, secret, key_file)
        self.keys = self.slot["keys"]
        self.full = self.slot["role"] == "full"
        self.index_key = K(unb64(self.keys["root"]), "index") if self.full else unb64(self.keys["index"])
        self.configs = self.follow_configs()
        self.slot = self.renewed(self.slot)
        self.keys = self.slot["keys"]
        self.copies = {}
        self.cached_blob = functools.lru_cache(8)(self.find_blob)
        self.packs_checked = set()
        read = self.read_pack_directory if from_packs else self.read_segment
        for path in sorted(self.path.glob("packs/??/*" if from_packs else "index/**/*")):
            if path.is_file():
                self.tolerate(read, path)

    @staticmethod
    def tolerate(function, path):
        try:
            return function(path)
        except REFUSED as error:
            note(f"{path}: {type(error).__name__} {error}")

    # Objects (§2)

    def header(self, data, kind):
        c = Cursor(data)
        need(c.take(4) == MAGIC, "not an object of neo")
        need(c.u(2) == 1, "needs a newer neo")
        need(c.u(1) == KINDS[kind] and c.u(1) == (0 if kind == "config" else 3), f"is not a {kind}")
        need(c.take(16).hex() == self.repository, "belongs to another repository")
        return c

    def object(self, path, kind):
        """A cursor behind the header of an object whose bytes give its name."""
        data = path.read_bytes()
        need(blake3(data).hex() == path.name.rpartition("-")[2], "its bytes do not give its name")
        return self.header(data, kind)

    def verify(self, c, public, kind):
        """The signature list at the cursor, over all bytes before it."""
        message = b"neo/v1 " + kind.encode() + b"\0" + bytes.fromhex(self.repository) + c.data[:c.at]
        known = 0
        for _ in range(c.u(1)):
            algorithm, signature = c.u(1), c.sized(2)
            if algorithm == ED25519:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
                known += 1
        need(known, "has no signature of a known kind")

    def certificate(self, data):
        c = Cursor(data)
        need(c.u(1) == 1, "unknown certificate")
        client, role, epoch, _, _, public, _ = c.take(16), c.u(1), c.u(4), c.u(8), c.u(8), c.take(32), c.take(32)
        need(epoch < len(self.configs), "certificate of an unknown epoch")
        self.verify(c, unb64(self.configs[epoch]["signPublic"]), "certificate")
        c.end()
        return client, role, public

    def signer(self, c, kind):
        """`u16 length ‖ certificate ‖ signature list` at the cursor: (client id, role)."""
        client, role, public = self.certificate(c.sized(2))
        self.verify(c, public, kind)
        return client, role

    def sealed(self, path, kind):
        c = self.object(path, kind)
        box = c.sized()
        signer = self.signer(c, kind)
        c.end()
        return Cursor(unseal(K(self.index_key, f"seal.{kind}"), c.data[:24], box)), signer

    # Keys and configs (§3, §4)

    def open_slots(self, password, secret, key_file):
        slots = [(p.parent.name, p.read_bytes()) for p in self.path.glob("keys/*/0")]
        if key_file:
            slots = [(key_file["client"], unb64(key_file["slot"]))]
            if "protected" in key_file:
                need(password is not None, "the key file is protected: give NEO_PASSWORD")
                key = blake3(derive(key_file["protected"]["kdf"], password), context="neo/v1 key file")
                secret = unseal(key, b"", unb64(key_file["protected"]["box"]))
            else:
                secret = unb64(key_file["secret"])
        for client, data in slots:
            self.repository = data[8:24].hex()
            opened = self.tolerate(lambda _: self.open_slot(client, data, password, secret), f"keys/{client}/0")
            if opened:
                return opened
        raise SystemExit("wrong password or key")

    def open_slot(self, client, data, password, secret, kem_seed=None):
        """The slot's secret JSON; None if this is not its password or key."""
        c = self.header(data, "slot")
        clear, _, commitment = parse(c.sized()), c.sized(), c.take(32)
        aad, box = c.data[:c.at], c.sized()
        if kem_seed:
            kek = xwing.decapsulate(kem_seed, unb64(clear["kem"]))
        else:
            if secret is None and (password is None or clear["kdf"]["name"] == "none"):
                return None
            kek = secret or derive(clear["kdf"], password)
            c.take(32)
            c.end()
        if blake3(kek, context="neo/v1 slot commitment") != commitment:
            return None
        opened = parse(unseal(blake3(kek, context="neo/v1 slot key"), aad, box))
        need(opened["v"] == 1 and opened["repository"] == self.repository and opened["client"] == client,
             "the slot was moved here from elsewhere")
        return opened

    def renewed(self, slot):
        """With what `keys/<client>/<n>-<config>` says for the epoch n in force; a key that was left out then keeps what it has."""
        n = len(self.configs) - 1
        path = self.path / "keys" / slot["client"] / f"{n}-{self.config_names[n]}"
        if not path.exists():
            path = self.path / "keys" / slot["client"] / str(n)
        epoch = int.from_bytes(unb64(slot["certificate"])[18:22], "little")
        if epoch >= n or not path.exists():
            return slot
        c = self.header(path.read_bytes(), "slot")
        c.sized(), c.sized(), c.take(32), c.sized()
        self.verify(c, unb64(self.configs[n]["signPublic"]), "slot")
        c.end()
        newer = self.open_slot(slot["client"], c.data, None, None, unb64(slot["kemSeed"]))
        need(newer and newer["config0"] == slot["config0"], f"{path} is not a renewal of its slot")
        return slot | newer

    def follow_configs(self):
        """The unbroken chain from config/0, which must reach the config that the slot names."""
        chain, names = [], [self.slot["config0"]]
        paths = [self.path / f"config/0-{names[0]}"]
        while True:
            valid = [(p, c) for p in paths if (c := self.tolerate(lambda p: self.config(p, chain, names), p))]
            need(len(valid) < 2, f"two valid configs of epoch {len(chain)}")
            if not valid:
                break
            names[len(chain):] = [valid[0][0].name.partition("-")[2]]
            chain.append(valid[0][1])
            paths = sorted(self.path.glob(f"config/{len(chain)}-*"))
        need(chain and self.slot["config"] in names, "the config in force is missing: the repository went back")
        unknown = set(chain[-1]["features"]["read"]) - FEATURES
        need(not unknown, f"needs a newer neo: {sorted(unknown)}")
        self.config_names = names
        return chain

    def config(self, path, chain, names):
        c = self.object(path, "config")
        config = parse(c.sized())
        need(config["version"] == 1, "needs a newer neo")
        need(config["repository"] == self.repository and config["epoch"] == len(chain), "config of another place")
        need(config.get("previous") == (names[-1] if chain else None), "config follows another one")
        self.verify(c, unb64((chain[-1] if chain else config)["signPublic"]), "config")
        c.end()
        return config

    # Index and packs (§5)

    def add_copies(self, c, count, pack, author, rank):
        for _ in range(count):
            blob_id, kind, _, offset, length, digest = c.take(32), c.u(1), c.u(2), c.u(4), c.u(4), c.take(32)
            self.copies.setdefault((blob_id, kind), []).append((rank, author, pack, offset, length, digest))

    def read_segment(self, path):
        c, (signer, role) = self.sealed(path, "index")
        c.take(1 + 16)
        c.take(16 * c.u(4))
        c.take(32 * c.u(4))
        for _ in range(c.u(4)):
            name, _, author, author_role, count = c.take(32).hex(), c.u(4), c.take(16), c.u(1), c.u(4)
            if role == FULL or (signer, role) == (author, author_role):
                self.add_copies(c, count, name, author, author_role != FULL)
            else:
                c.take(75 * count)
        c.end()

    def read_pack_directory(self, path):
        self.check_pack(path.name)
        data = path.read_bytes()
        tail = Cursor(data, len(data) - 10)
        at = len(data) - 10 - tail.u(4)
        need(at >= 24 and tail.u(2) == 1 and tail.take(4) == MAGIC, "has no directory")
        c = Cursor(unseal(K(self.index_key, "seal.pack"), data[:24], data[at:-10]))
        c.take(16)
        count = c.u(4)
        entries = Cursor(c.take(75 * count))
        if c.take(32) != blake3(data[:at]):
            note(f"{path}: its blobs are not those that its directory was made for")
        author, role = self.signer(c, "pack")
        need(not any(c.data[c.at:]) and len(c.data) % 4096 == 0, "its directory is not padded with zeros")
        self.add_copies(entries, count, path.name, author, role != FULL)

    def check_pack(self, name):
        """Its path. Damage is only noted: each blob stands for itself."""
        path = self.path / "packs" / name[:2] / name
        if name not in self.packs_checked:
            self.packs_checked.add(name)
            with open(path, "rb") as file:
                self.tolerate(lambda _: self.header(file.read(24), "pack"), path)
                if blake3_file(file).hex() != name:
                    note(f"{path}: its bytes do not give its name")
        return path

    def blob(self, key, kind, client):
        return self.cached_blob(unb64(key) if isinstance(key, str) else key, kind, client)

    def find_blob(self, key, kind, client):
        """The plain bytes, from the first good copy; those whose author `client` trusts come first."""
        blob_id = blake3(b"neo/v1 id" + key)
        copies = self.copies.get((blob_id, kind), [])
        for copy in sorted(copies, key=lambda copy: copy[0] and copy[1] != client):
            plain = self.tolerate(lambda _: self.open_copy(blob_id, key, kind, copy), f"blob {blob_id.hex()}")
            if plain is not None:
                return plain
        raise Damaged(f"blob {blob_id.hex()} is {'damaged' if copies else 'missing'}")

    def open_copy(self, blob_id, key, kind, copy):
        _, _, pack, offset, length, digest = copy
        with open(self.check_pack(pack), "rb") as file:
            file.seek(offset)
            sealed = file.read(length)
        need(len(sealed) == length and blake3(sealed) == digest, f"not what the index says of pack {pack}")
        plain = open_blob(key, kind, blob_id, sealed)
        secrets = self.blob_secrets(kind)
        need(any(blake3(plain, key=secret) == key for secret in secrets), "does not give its content key")
        return plain

    @functools.lru_cache
    def blob_secrets(self, kind):
        """Of all content epochs, the newest first."""
        label = BLOB_SECRETS[kind]
        newer = [unb64(each[label.removeprefix("content.")]) for each in self.keys.get("contents", [])]
        return newer[::-1] + [self.content_secret(label)]

    @functools.lru_cache
    def content_secret(self, label):
        return K(unb64(self.keys["root"]), label)

    # Snapshots (§7)

    def snapshots(self):
        """All that can be authenticated, oldest first."""
        found = [self.tolerate(self.snapshot, path) for path in self.path.glob("snapshots/*")]
        return sorted((s for s in found if s), key=lambda s: (s.get("time", 0), s["sequence"]))

    def snapshot(self, path):
        c = self.object(path, "snapshot")
        epoch, client, _, sequence = c.u(4), c.take(16), c.take(16), c.u(8)
        c.take(32 * c.u(1) + 16)
        head, ciphertext = c.data[:c.at], c.take(1120)
        aad, box = c.data[:c.at], c.sized()
        signer, _ = self.signer(c, "snapshot")
        need(signer == client, "is signed by another client")
        c.end()
        known = {"name": path.name, "author": client, "sequence": sequence, "head": head}
        if not self.full:
            return known
        seeds = [e["sealSeed"] for e in self.keys["epochs"] if e["epoch"] == epoch]
        need(seeds, f"is sealed to epoch {epoch}, of which this slot has no key")
        shared = xwing.decapsulate(unb64(seeds[0]), ciphertext)
        body = parse(unseal(K(shared, "snapshot.body"), aad, box))
        need(body["v"] == 1, "needs a newer neo")
        need(body["client"] == client.hex(), "names another client in its body")
        return body | known
