"""Runs a command on a terminal of its own, typing answers: terminal.py JSON, where JSON is
{"command": [...], "steps": [[text to wait for, text to type], ...], "stdin": text or null}.
With "stdin", standard input is a pipe with that text, and only the other streams are the terminal.
Prints {"code": exit code, "screen": everything shown} as JSON."""
import json
import os
import pty
import sys

task = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    if task.get("stdin") is not None:
        reader, writer = os.pipe()
        os.write(writer, task["stdin"].encode())
        os.close(writer)
        os.dup2(reader, 0)
    os.execvp(task["command"][0], task["command"])
screen = b""
seen = 0
steps = list(task["steps"])
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    screen += data
    while steps and steps[0][0].encode() in screen[seen:]:
        wanted, typed = steps.pop(0)
        seen = screen.index(wanted.encode(), seen) + len(wanted)
        os.write(terminal, typed.encode())
status = os.waitpid(pid, 0)[1]
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "screen": screen.decode(errors="replace")}))
