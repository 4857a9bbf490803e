"""compare.py A B: prints how two trees differ; exit code 1 if they do. Independent of neo, at home in paths of any length.

Compared are names, types, modes, owners, times, links, attributes, contents, and where files have their data.
"""
import hashlib
import os
import stat
import sys

PAGE = 4096
SHOWN = 20
sys.setrecursionlimit(10_000)


def extents(fd, size):
    at = 0
    while at < size:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        at = os.lseek(fd, data, os.SEEK_HOLE)
        yield data, at - data


def content(directory, name, size):
    """Where the data is, and its pages that are not zero."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
    try:
        found, digest, zeros = list(extents(fd, size)), hashlib.blake2b(), bytes(PAGE)
        for offset, length in found:
            for at in range(offset, offset + length, PAGE):
                page = os.pread(fd, min(PAGE, offset + length - at), at)
                if page != zeros[: len(page)]:
                    digest.update(b"%d:" % at + page)
        return digest.digest(), found
    finally:
        os.close(fd)


def attributes(directory, name):
    path = b"/proc/self/fd/%d/" % directory + name
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return [(key, os.getxattr(path, key, follow_symlinks=False)) for key in names]


class Comparison:
    def __init__(self):
        self.entries = 0
        self.differences = 0
        self.links = {}

    def differ(self, path, *what):
        self.differences += 1
        if self.differences <= SHOWN:
            print(path[-200:], *what)

    def directories(self, a, b, path=b"."):
        ours, theirs = (sorted(map(os.fsencode, os.listdir(fd))) for fd in (a, b))
        if ours != theirs:
            self.differ(path, "names", sorted(set(ours) ^ set(theirs))[:3])
        for name in sorted(set(ours) & set(theirs)):
            self.entry(a, b, name, path + b"/" + name)

    def entry(self, a, b, name, path):
        self.entries += 1
        x, y = (os.stat(name, dir_fd=fd, follow_symlinks=False) for fd in (a, b))
        directory = stat.S_ISDIR(x.st_mode)
        for field in ["st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_rdev"] + ([] if directory else ["st_size", "st_nlink"]):
            if getattr(x, field) != getattr(y, field):
                self.differ(path, field, getattr(x, field), getattr(y, field))
        if not directory and self.links.setdefault((x.st_dev, x.st_ino), y.st_ino) != y.st_ino:
            self.differ(path, "is linked with others")
        if attributes(a, name) != attributes(b, name):
            self.differ(path, "attributes")
        if stat.S_ISLNK(x.st_mode) and os.readlink(name, dir_fd=a) != os.readlink(name, dir_fd=b):
            self.differ(path, "target")
        if stat.S_ISREG(x.st_mode) and stat.S_ISREG(y.st_mode) and x.st_size > 0:
            (mine, holes), (other, other_holes) = content(a, name, x.st_size), content(b, name, y.st_size)
            if mine != other:
                self.differ(path, "content")
            if x.st_blocks * 512 < x.st_size and holes != other_holes:
                self.differ(path, "holes", len(holes), len(other_holes))
        if directory and stat.S_ISDIR(y.st_mode):
            below = [os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd) for fd in (a, b)]
            self.directories(*below, path)
            for fd in below:
                os.close(fd)


comparison = Comparison()
comparison.directories(os.open(sys.argv[1], os.O_RDONLY), os.open(sys.argv[2], os.O_RDONLY))
print(comparison.entries, "entries,", comparison.differences, "differences")
sys.exit(comparison.differences > 0)
