"""Runs a program at a terminal of its own, as a person would: what comes in on stdin is
typed, what the terminal shows goes to stdout. Ends with the program's status.

    terminal.py COLUMNS program arguments...
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    size = struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    sources = [terminal, 0]
    while terminal in sources:
        for ready in select.select(sources, [], [])[0]:
            try:
                data = os.read(ready, 65536)
            except OSError:
                data = b""
            if not data:
                sources.remove(ready)
            elif ready == terminal:
                os.write(1, data)
            else:
                os.write(terminal, data)
    status = os.waitpid(pid, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))


main()
