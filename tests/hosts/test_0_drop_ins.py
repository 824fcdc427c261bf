"""The drop-ins of docs/operations.md allow a callback what they promise, and each of their lines is needed. The tests run the
packaged unit with the callback instead of the daemon, on a host without a cluster."""
import base64
import re

import pytest

from machines import SUITE, TREE

ADDRESS = "10.99.0.1/32 dev lo"
CALLBACKS = {   # the beginning of the line in the document -> the command that the callback runs
    "a callback that moves an address": "/usr/sbin/ip",
    "a callback or an `archive_command` that calls `sudo`": "sudo -n /usr/sbin/ip",
}

# How many of a document's lines, from the first on, are needed: with the systemd of Debian 12 all of them. The systemd of Debian 13 follows an
# explicit NoNewPrivileges=no, whatever the other settings imply.
NEEDED = {"bookworm": None, "trixie": 2}[SUITE]


def settings(begin):
    """The settings that the document's line names, in order."""
    text = (TREE / "docs" / "operations.md").read_text()
    (line,) = re.findall(rf"^\| {re.escape(begin)}[^|]*\| ([^|]*) \|$", text, re.M)
    return re.findall(r"`(\w+=[^`]*)`", line)


class Callback:
    """Runs one command as a callback of the unit."""

    def __init__(self, machines, command):
        self.machines, self.folder = machines, "/etc/systemd/system/callback.service.d"
        unit = (TREE / "packaging" / "tamada.service").read_text().replace("ConditionPathExists=", "#")
        self._write("/etc/systemd/system/callback.service", unit)
        self._write("/etc/sudoers.d/callback", "postgres ALL=(root) NOPASSWD: /usr/sbin/ip\n")
        script = f"{command} address add {ADDRESS} && {command} address del {ADDRESS}"
        self._write(f"{self.folder}/callback.conf", "[Service]\nType=oneshot\nWatchdogSec=0\nRestart=no\nExecStart=\n"
                    f'ExecStart=/bin/sh -c "{script}"\n')

    def _write(self, path, text):
        data = base64.b64encode(text.encode()).decode()
        self.machines.sh(1, f"mkdir -p $(dirname {path}); echo {data} | base64 -d > {path}")

    def works(self, lines):
        self._write(f"{self.folder}/drop-in.conf", "\n".join(["[Service]", *lines]) + "\n")
        return "worked" in self.machines.sh(1, "systemctl daemon-reload; systemctl start callback && echo worked", check=False)

    def end(self):
        self.machines.sh(1, f"rm -rf {self.folder} /etc/systemd/system/callback.service /etc/sudoers.d/callback; "
                            f"ip address del {ADDRESS}; systemctl daemon-reload; systemctl reset-failed callback", check=False)


@pytest.mark.parametrize("begin", CALLBACKS)
def test_a_drop_in(machines, begin):
    lines = settings(begin)
    callback = Callback(machines, CALLBACKS[begin])
    try:
        assert lines and callback.works(lines)
        needed = lines[:NEEDED]
        assert callback.works(needed)
        for i, line in enumerate(needed):
            assert not callback.works(needed[:i] + needed[i + 1:]), f"it works without {line}, too"
    finally:
        callback.end()
