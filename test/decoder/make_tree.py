"""Makes a small tree with every kind of node: `make_tree.py FOLDER`. The same bytes each time; needs root for all of it."""
import os
import random
import socket
import subprocess
import sys

r = random.Random(20)
top = sys.argv[1]
root = os.geteuid() == 0


def write(path, data, mode=0o644):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def sparse(path, pieces, size):
    with open(path, "wb") as file:
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
        file.truncate(size)


def attempt(function, *args, **options):
    """What this user or this file system may not do is left out."""
    try:
        function(*args, **options)
    except OSError as error:
        print(f"left out: {function.__name__} {args[:2]}: {error}", file=sys.stderr)


os.makedirs(top)
os.chdir(top)
# files for bundles: many small ones, of two classes
for i in range(100):
    os.makedirs(f"small/{i % 7}", exist_ok=True)
    write(f"small/{i % 7}/{i}", r.randbytes(r.randrange(1, 3000)), 0o600 if i % 3 else 0o644)
write("empty", b"")
write("twin", b"twice the same")
write("small/twin", b"twice the same")
# chunks: one, a few, and enough for a chunk list; text compresses, noise does not
write("text", b"".join(b"line %d of a file that compresses\n" % (i % 5000) for i in range(60_000)))
write("noise", r.randbytes(300_000))
write("large", r.randbytes(13_000_000) + bytes(3_000_000) + r.randbytes(9_000_000))
# holes: few, many, nothing but, and of a file small enough for a bundle
sparse("sparse", [(0, b"x" * 5000), (1 << 20, r.randbytes(700_000))], 4 << 20)
sparse("strewn", [(i << 16, b"piece %d" % i) for i in range(100)], 100 << 16)
sparse("little", [(8 << 10, b"in the middle")], 1 << 20)
sparse("hole", [], 3 << 20)
# names
write(b"latin-\xe9\xff", b"not UTF-8")
write("новый\nline \U0001F600 \u2028", b"UTF-8, with what terminals dislike")
write("-rf", b"a name like an option")
write("n" * 255, b"the longest name")
os.makedirs("/".join(["deep" * 50] * 18))
# links
os.symlink("small/1", "link")
os.symlink(b"\xff/nowhere", b"broken-\xfe")
os.link("large", "small/large-again")
os.link("strewn", "strewn-again")
os.link("link", "link-again")
# the others
os.mkfifo("fifo", 0o640)
os.link("fifo", "fifo-again")
with socket.socket(socket.AF_UNIX) as server:
    server.bind("socket")
if root:
    attempt(os.mknod, "device", 0o20640, os.makedev(1, 3))
os.makedirs("empty-folder/another")
os.mkdir("sticky")
# attributes
attempt(os.setxattr, "text", "user.plain", b"value\0with a zero")
attempt(os.setxattr, "text", "user.empty", b"")
attempt(os.setxattr, "small", "user.folder", b"of a folder")
for i in range(9):
    attempt(os.setxattr, "noise", f"user.long{i}", r.randbytes(400))  # above 4 KiB together
for acl in (["-m", "u:1234:rwx,g:55:r", "twin"], ["-d", "-m", "g:55:rx", "small"]):
    attempt(subprocess.run, ["setfacl", *acl])
if root:
    attempt(os.setxattr, "link", "trusted.link", b"of a link", follow_symlinks=False)
    attempt(os.setxattr, "empty", "security.capability", bytes.fromhex("0100000200200000" + "00" * 12))
    os.chown("twin", 1234, 5678)
    os.chown("link", 7, 8, follow_symlinks=False)
os.chmod("twin", 0o6755)
os.chmod("noise", 0o400)
os.chmod("sticky", 0o1777)
os.makedirs("closed/inside")
write("closed/inside/file", b"below a folder without w")
os.chmod("closed", 0o500)
# times, to the nanosecond, before 1970 and after 2038 too; folders last
for folder, folders, files in os.walk(os.fsencode("."), topdown=False):
    for name in files + folders:
        path = os.path.join(folder, name)
        stamp = r.randrange(-(10**18), 4 * 10**18)
        os.utime(path, ns=(stamp, stamp), follow_symlinks=False)
os.utime(".", ns=(0, 1_234_567_890_123_456_789))
