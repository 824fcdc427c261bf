"""Runs a command on a terminal (a pty), as an operator does."""
import os
import re

import pexpect

from . import processes

# Control sequences that a terminal does not show as text: colours, positions, titles.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]")


class Terminal:
    """One command with its terminal. `shown` is its whole output so far."""

    def __init__(self, argv, cwd, columns=120, rows=40, timeout=60, env=None):
        user = processes.service_user()

        def become():
            if user:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
        self.child = pexpect.spawn(argv[0], list(argv[1:]), cwd=cwd, dimensions=(rows, columns), timeout=timeout, encoding="utf-8",
                                   codec_errors="replace", preexec_fn=become,
                                   env={**processes.environment(cwd), "TERM": "xterm-256color", **(env or {})})
        self.raw = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    @property
    def shown(self):
        """The output without control sequences and with the line ends of a file."""
        return CONTROL.sub("", self.raw).replace("\r\n", "\n")

    def expect(self, pattern):
        """Waits until the pattern (a regular expression) is on the screen."""
        self.child.expect(pattern)
        self.raw += self.child.before + self.child.after
        return self

    def type(self, keys):
        self.child.send(keys)
        return self

    def line(self, text):
        return self.type(text + "\r")

    def end(self):
        """Waits until the command ends. Returns its exit status, or the negative number of the signal that ended it."""
        self.child.expect(pexpect.EOF)
        self.raw += self.child.before
        self.child.close()
        return -self.child.signalstatus if self.child.signalstatus else self.child.exitstatus
