"""Lists and restores snapshots of a neo repository on a local disk, by docs/format.md alone.

    python3 neo_decoder.py REPO list
    python3 neo_decoder.py REPO ls SNAPSHOT[:PATH]
    python3 neo_decoder.py REPO restore SNAPSHOT[:PATH] DIR      DIR is new or empty

SNAPSHOT is the beginning of a name, or `latest`. The password is taken from NEO_PASSWORD, a recovery key from
NEO_RECOVERY_KEY, a key file from --key-file. --from-packs ignores the index and reads the packs' own directories.
Needs Debian's python3-cryptography, python3-zstandard, python3-argon2; b3sum makes it faster.
Inode flags are not restored. Exit code 3: something could not be restored, and is named on stderr.
"""
import argparse
import datetime
import json
import os
import signal
import sys

from cryptography.exceptions import InvalidTag

from keys import Damaged, paper_key
from neo_files import Files, Restore, byte_string
from neo_repo import Repository


def shown(name):
    """For a terminal: no control characters, and bytes that are not UTF-8 as \\xHH."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def list_snapshots(repository):
    for s in repository.snapshots():
        if not repository.full:
            print(s["name"], f"client {s['author'].hex()} sequence {s['sequence']}")
            continue
        when = datetime.datetime.fromtimestamp(s["time"] / 1000, datetime.timezone.utc)
        paths = " ".join(shown(byte_string(path)) for path in s["paths"])
        print(s["name"], f"{when:%Y-%m-%dT%H:%M:%SZ}", shown(s["host"].encode()), s["kind"], paths)


def choose(repository, reference):
    """(files, node at the path or None for the root)"""
    if not repository.full:
        raise SystemExit("this key may write only: it opens no snapshot")
    prefix, _, path = os.fsencode(reference).partition(b":")
    prefix, found = prefix.decode(), repository.snapshots()
    found = found[-1:] if prefix == "latest" else [s for s in found if s["name"].startswith(prefix)]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} snapshots of that name: {prefix}")
    files = Files(repository, found[0])
    return files, files.find(path)


def ls(files, key, path=b""):
    for name, node in files.nodes(key):
        print(node["t"], f"{node['m']:04o}", node["u"], node["g"], node.get("s", "-"), node["M"], shown(path + name))
        if node["t"] == "d":
            ls(files, node["k"], path + name + b"/")


def restore(files, node, folder, devices):
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise SystemExit(f"{folder} is not empty")
    os.chdir(folder)
    task = Restore(files, devices)
    if node and node["t"] != "d":
        task.node(byte_string(node["n"]), node, byte_string(node["n"]))
    else:
        task.directory(node["k"] if node else files.root)
        if node:
            task.metadata(b".", node)
    print(f"{task.count} restored, {task.failed} failed")
    return 3 if task.failed else 0


def main():
    sys.setrecursionlimit(100_000)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key-file", type=argparse.FileType("rb"))
    parser.add_argument("--from-packs", action="store_true")
    parser.add_argument("--devices", action="store_true", help="create device nodes too")
    parser.add_argument("repository")
    parser.add_argument("command", choices=["list", "ls", "restore"])
    parser.add_argument("snapshot", nargs="?", default="latest")
    parser.add_argument("folder", nargs="?")
    args = parser.parse_args()
    try:
        paper = os.environ.get("NEO_RECOVERY_KEY")
        repository = Repository(args.repository, os.environb.get(b"NEO_PASSWORD"), paper and paper_key(paper),
                                json.load(args.key_file) if args.key_file else None, args.from_packs)
        if args.command == "list":
            return list_snapshots(repository)
        files, node = choose(repository, args.snapshot)
        if args.command == "ls":
            return ls(files, node["k"] if node else files.root)
        return restore(files, node, args.folder or parser.error("restore where to?"), args.devices)
    except InvalidTag:
        raise SystemExit("wrong password for the key file")
    except Damaged as error:
        raise SystemExit(f"refused: {error}")


if __name__ == "__main__":
    sys.exit(main())
