"""Booted Debian hosts on this machine: hosts.sh for Python."""
import ctypes
import fcntl
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from harness import wait_for  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE / "hosts.sh"
TREE = HERE.parents[1]
SUITE = os.environ.get("HOSTS_SUITE", "bookworm")
POSTGRESQL = {"bookworm": 15, "trixie": 17}[SUITE]   # the major version on the hosts, as hosts.sh installs it
STATE = pathlib.Path(os.environ.get("HOSTS_STATE", "/var/cache/tamada-hosts"))

CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1   # linux/sched.h, linux/prctl.h


def finished(command, timeout, **more):
    """Like subprocess.run. After a timeout or an interruption, all processes that the command started end with it. Otherwise
    they would keep its pipes open."""
    command = [str(word) for word in command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                          start_new_session=True, **more) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def run(command, timeout, check=True, **more):
    """The output of the command. A RuntimeError if it fails or takes too long."""
    try:
        done = finished(command, timeout, **more)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(str(error)) from None
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args)}: {done.stderr.strip()[-2000:]} {done.stdout.strip()[-2000:]}")
    return done.stdout


# Features of the kernel that hosts.sh needs. Each test takes a moment.
CGROUP = """cd /sys/fs/cgroup; [ ! -d unified ] || cd unified
mkdir tamada.$$ && { ls tamada.$$/cgroup.freeze; s=$?; rmdir tamada.$$; exit $s; }"""
OVERLAY = f"""mkdir -p {STATE}/probe && cd {STATE}/probe && mkdir -p l u w m || exit
mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m && umount m; s=$?; cd /; rm -r {STATE}/probe; exit $s"""
NFTABLES = """nft -f - <<'END'
table bridge t {
    set s { typeof iifname . oifname; }
    chain c { type filter hook forward priority 0; iifname . oifname @s drop; iifname "x" numgen random mod 100 < 30 drop; }
}
END"""


def why_not(busy_is_fine=False):
    """The reason why this machine cannot run such hosts, or None."""
    if os.geteuid() != 0:
        return "needs root"
    load, cores = os.getloadavg()[0], os.cpu_count()
    if load > 6 * cores and not busy_is_fine:   # tests with a ttl of 5 s would fail only because of the load
        return f"too busy: load average {load:.0f} on {cores} cores"
    for what, command in (("the unified cgroup hierarchy, writable", ["sh", "-c", CGROUP]),
                          ("namespaces", ["unshare", "--mount", "--pid", "--fork", "--net", "true"]),
                          ("overlay file systems", ["unshare", "--mount", "sh", "-c", OVERLAY]),
                          ("bridges", ["unshare", "--net", "ip", "link", "add", "name", "br0", "type", "bridge"])):
        try:
            run(command, timeout=20)
        except RuntimeError as error:
            return f"needs {what}: {error}"
    return None


def install(lists):
    """Installs the packages of the lists. Without a network that may fail."""
    run([TREE / "tools" / "install-packages", *lists], timeout=600)
    run(["unshare", "--net", "sh", "-c", NFTABLES], timeout=20)   # why_not could not test this, because nft was not installed yet


def prepared(name="tam", net="10.213.7", busy_is_fine=False):
    """The machines, none of them booted yet. A RuntimeError tells why there are none."""
    reason = why_not(busy_is_fine)
    if reason:
        raise RuntimeError(reason)
    install([TREE / "packages-deb.txt", TREE / "packages-hosts.txt"])
    machines = Machines(os.environ.get("HOSTS_NAME", name), os.environ.get("HOSTS_NET", net))
    machines("build", timeout=900)
    if "KEEP" not in os.environ:
        machines.only_for_this_process()
    return machines


class Machines:
    """The hosts, numbered from 1. `net` is the first three numbers of their addresses."""

    def __init__(self, name="tam", net="10.213.7"):
        self.name, self.net = name, net
        self.env = dict(os.environ, HOSTS_NAME=name, HOSTS_NET=net)

    def __call__(self, *words, timeout=180, check=True):
        return run(["setpriv", "--pdeathsig", "KILL", SCRIPT, *words], timeout, check, env=self.env)

    def only_for_this_process(self):
        """Moves this process into a new network namespace, so that no bridge, address or packet filter of the machine interferes.
        The hosts end with the process, however it ends."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise RuntimeError(f"needs network namespaces: {os.strerror(ctypes.get_errno())}")
        run(["ip", "link", "set", "lo", "up"], timeout=20)
        path = STATE / f"{self.name}.lock"
        self.lock = path.open("w")   # the end of the process releases it
        try:
            wait_for("another run's end", lambda: fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB) is None, timeout=60, step=1)
        except TimeoutError:
            raise RuntimeError("another run has its hosts up") from None
        subprocess.Popen(["flock", path, SCRIPT, "down"], env=self.env, start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def address(self, k):
        return f"{self.net}.{k}"

    def exec(self, k, *command, timeout=60, check=True):
        """Runs a command on the host from outside, without its network."""
        return self("exec", k, *command, timeout=timeout, check=check)

    def sh(self, k, script, timeout=60, check=True):
        return self.exec(k, "sh", "-c", script, timeout=timeout, check=check)
