"""Booted Debian hosts on this machine: hosts.sh for Python."""
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE / "hosts.sh"


def why_not():
    """Why this machine cannot have such hosts; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    for program, package in (("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap"), ("nft", "nftables"),
                             ("ssh", "openssh-client"), ("ansible-playbook", "ansible-core")):
        if not shutil.which(program):
            return f"needs {program} (package {package})"
    if not any(pathlib.Path(p).exists() for p in ("/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/cgroup.procs")):
        return "needs the unified cgroup hierarchy"
    for what, command in (("namespaces", ["unshare", "--mount", "--pid", "--fork", "--net", "true"]),
                          ("overlay file systems", ["unshare", "--mount", "sh", "-c", "d=$(mktemp -d) && mount -t tmpfs t $d && cd $d "
                                                    "&& mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m"]),
                          ("bridges and nftables", ["unshare", "--net", "sh", "-c", "ip link add name br0 type bridge && nft add table bridge t"])):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return f"needs {what}: {done.stderr.strip()}"
    return None


class Machines:
    """Numbered from 1. `net` is the first three parts of their addresses."""

    def __init__(self, name="tam", net="10.213.7"):
        self.name, self.net = name, net
        self.env = dict(os.environ, HOSTS_NAME=name, HOSTS_NET=net)
        self.state = pathlib.Path(os.environ.get("HOSTS_STATE", "/var/cache/tamada-hosts"))

    def __call__(self, *words, timeout=120, check=True):
        done = subprocess.run([SCRIPT, *map(str, words)], env=self.env, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise RuntimeError(f"hosts.sh {' '.join(map(str, words))}: {done.stderr.strip()[-2000:]} {done.stdout.strip()[-2000:]}")
        return done.stdout

    def address(self, k):
        return f"{self.net}.{k}"

    def exec(self, k, *command, timeout=60, check=True):
        """On the host, from outside: works without its network."""
        return self("exec", k, *command, timeout=timeout, check=check)

    def sh(self, k, script, timeout=60, check=True):
        return self.exec(k, "sh", "-c", script, timeout=timeout, check=check)

