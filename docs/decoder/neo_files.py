"""Trees and files of a snapshot (§6), and their restoration to an empty directory."""
import os
import stat
import struct
import tempfile

from blake3 import blake3_file
from keys import Damaged, unb64
from neo_repo import DATA, LIST, REFUSED, TREE, need, note, parse

TYPES = {"f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK, "p": stat.S_IFIFO, "s": stat.S_IFSOCK,
         "c": stat.S_IFCHR, "b": stat.S_IFBLK}


def byte_string(value):
    """Text, or {"b": b64} for what is not UTF-8."""
    if isinstance(value, str):
        return value.encode()
    data = unb64(value["b"])
    try:
        data.decode()
    except UnicodeDecodeError:
        return data
    raise Damaged("UTF-8 in the escaped form")


class Files:
    def __init__(self, repository, snapshot):
        self.repository, self.client = repository, snapshot["author"]
        self.root = snapshot["tree"]

    def blob(self, key, kind):
        return self.repository.blob(key, kind, self.client)

    def entries(self, key, kind, level=None):
        """The entries of level 0 below a part of a tree or a chunk list."""
        part = parse(self.blob(key, kind))
        need(level is None or part["l"] == level, "a part of another level")
        for entry in part["e"]:
            if part["l"] == 0:
                yield entry
            elif kind == LIST:
                below, length = list(self.entries(entry[0], kind, part["l"] - 1)), entry[1]
                need(sum(e[1] for e in below) == length and below[-1][0] == entry[2], "a list disagrees with its part")
                yield from below
            else:
                below = list(self.entries(entry["k"], kind, part["l"] - 1))
                need(below[-1]["n"] == entry["n"], "a tree disagrees with its part")
                yield from below

    def nodes(self, key):
        """(name, node) of a directory, in order."""
        last = b""
        for node in self.entries(key, TREE):
            name = byte_string(node["n"])
            need(name > last and name not in (b".", b"..") and not set(name) & {0, 47}, f"a bad name: {name!r}")
            last = name
            yield name, node

    def content(self, content, length=None):
        """The pieces of a content; a slice of a bundle is as long as `length`."""
        if content is None:
            return
        if "k" in content:
            bundle, at = self.blob(content["k"], DATA), content["o"]
            need(length is not None and at + length <= len(bundle) == content["z"], "a slice outside its bundle")
            yield bundle[at:at + length]
            return
        for entry in content["l"] if "l" in content else self.entries(content["L"], LIST):
            piece = self.blob(entry[0], DATA)
            need(len(piece) == entry[1], "a chunk of another length")
            yield piece

    def extents(self, node):
        if "Z" in node:
            return list(struct.iter_unpack("<QQ", b"".join(self.content(node["Z"]))))
        return node.get("S", [[0, node["s"]]])

    def xattrs(self, node):
        pairs = parse(b"".join(self.content(node["X"]))) if "X" in node else node.get("x", [])
        return [(byte_string(name), unb64(value)) for name, value in pairs]

    def find(self, path):
        """The node at a path; None for the root."""
        key, node = self.root, None
        for name in filter(None, path.split(b"/")):
            node = dict(self.nodes(key)).get(name)
            need(node, f"no such path: {path!r}")
            key = node.get("k")
        return node


class Restore:
    """Writes below the present directory, into which it must be allowed to put names that are not there yet."""

    def __init__(self, files, devices=False):
        self.files, self.devices = files, devices
        self.links, self.count, self.failed = {}, 0, 0
        self.top = os.open(b".", os.O_RDONLY)

    def directory(self, key, path=b""):
        try:
            for name, node in self.files.nodes(key):
                self.node(name, node, path + name)
        except REFUSED as error:
            self.fail(path, error)

    def fail(self, path, error):
        self.failed += 1
        note(f"{path!r}: {type(error).__name__} {error}" if len(path) < 4096 else f"{path[:99]!r}…: {type(error)}")

    def node(self, name, node, path):
        try:
            link = (node.get("D", 0), node["i"])
            if node["t"] != "d" and node.get("h", 1) > 1 and link in self.links:
                self.link(self.links[link].split(b"/"), name)
            else:
                self.create(name, node, path)
                self.metadata(name, node)
                self.links[link] = path
            self.count += 1
        except REFUSED as error:
            self.fail(path, error)

    def link(self, to, name):
        """Folder by folder, for the same reason as chdir below."""
        folder = os.dup(self.top)
        for step in to[:-1]:
            folder, above = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder), folder
            os.close(above)
        os.link(to[-1], name, src_dir_fd=folder, follow_symlinks=False)
        os.close(folder)

    def create(self, name, node, path):
        kind = node["t"]
        if kind == "f":
            self.file(name, node)
        elif kind == "d":
            os.mkdir(name, 0o700)
            os.chdir(name)  # so that no path grows longer than the system takes
            self.directory(node["k"], path + b"/")
            os.chdir(b"..")
        elif kind == "l":
            os.symlink(byte_string(node["L"]), name)
        else:
            need(kind in "ps" or self.devices, "a device: give --devices to restore it")
            os.mknod(name, TYPES[kind] | 0o600, os.makedev(*node["R"]) if kind in "cb" else 0)

    def file(self, name, node):
        extents, size = self.files.extents(node), node["s"]
        length = sum(e[1] for e in extents)
        with open(name, "x+b", opener=lambda n, flags: os.open(n, flags | os.O_NOFOLLOW, 0o600)) as file:
            whole = extents == [[0, size]]
            with file if whole else tempfile.TemporaryFile() as content:
                for piece in self.files.content(node.get("c"), length):
                    content.write(piece)
                content.flush()
                need(content.tell() == length, "its content has another length")
                secret = self.files.repository.content_secret("content.file")
                need(length == 0 or blake3_file(content, key=secret) == unb64(node["K"]), "its content hash differs")
                if whole:
                    return
                content.seek(0)
                for offset, extent in extents:
                    need(file.tell() <= offset <= offset + extent <= size, "extents out of order")
                    file.seek(offset)
                    while extent > 0:
                        extent -= file.write(content.read(min(extent, 1 << 20)))
            file.truncate(size)

    def metadata(self, name, node):
        """Owner before xattrs (chown drops capabilities), mode after them (a read-only file takes none), times last."""
        if os.geteuid() == 0:
            os.chown(name, node["u"], node["g"], follow_symlinks=False)
        for key, value in self.files.xattrs(node):
            os.setxattr(name, key, value, follow_symlinks=False)
        if node["t"] != "l":
            os.chmod(name, node["m"])
        modified = int(node["M"])
        os.utime(name, ns=(int(node.get("A", modified)), modified), follow_symlinks=False)
