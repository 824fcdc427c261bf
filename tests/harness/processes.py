"""Starts processes as an ordinary user, finds those that run in a folder, and ends processes by their ids."""
import ctypes
import glob
import os
import pwd
import signal
import subprocess
import threading
import time

from .waiting import wait_for

PR_SET_CHILD_SUBREAPER = 36
ORPHANS = ("postgres", "pg_basebackup", "pg_rewind")


def sanitized():
    """Whether the daemon is built with sanitizers. Then measurements of its speed and memory mean nothing."""
    return "ASAN_OPTIONS" in os.environ


def service_user():
    """The user who runs everything. PostgreSQL refuses root, so root uses `postgres`; other users run it as themselves."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else None


def environment(home):
    """Our environment without the variables that would change the meaning of a configuration."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "PATRONI_", "TAMADA_", "ETCD"))}
    # Without root we can only inspect a daemon's processes if they can be traced.
    traced = {} if os.getuid() == 0 else {"TAMADA_CORE_DUMPS": "1"}
    return {**kept, **traced, "HOME": home, "LC_ALL": "C.UTF-8"}


def spawn(argv, log, cwd, env=None):
    user = service_user()
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                            env={**environment(cwd), **(env or {})}, start_new_session=True, **identity)


def run(argv, cwd, timeout=60, env=None):
    """Runs a short command as the same user. Returns the CompletedProcess with its output as text."""
    user = service_user()
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**environment(cwd), **(env or {})}, **identity)


def send(pid, signum):
    """Returns False if there is no such process, or not any more. After SIGSTOP no thread of it runs any more: on a busy machine some
    go on for a moment after the signal."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    if signum == signal.SIGSTOP:
        wait_for(f"process {pid} to stop", lambda: all(state in "TtZX" for state in _thread_states(pid)), 30, step=0.001)
    return True


def _thread_states(pid):
    for path in glob.glob(f"/proc/{pid}/task/*/stat"):
        try:
            with open(path) as f:
                yield f.read().rpartition(")")[2].split()[0]
        except OSError:
            pass


def _pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid):
    """(name, state, parent) of the process, or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            text = f.read()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return name, rest[0], int(rest[1])


def _numbers(path):
    try:
        with open(path) as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def age(pid):
    """Seconds since the process was started."""
    with open(f"/proc/{pid}/stat") as f:
        started = int(f.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def name(pid):
    seen = _stat(pid)
    return seen[0] if seen else None


def alive(pid):
    """Whether the process runs. A zombie does not."""
    seen = _stat(pid) if pid else None
    return bool(seen) and seen[1] not in "ZX"


def working_in(folder):
    """Ids of all living processes whose working directory is inside folder. The folder is private to one cluster, and
    every server and daemon works inside it, so no foreign process is found and no orphan is missed."""
    found, inside = [], os.path.realpath(folder) + "/"
    for pid in _pids():
        try:
            cwd = os.readlink(f"/proc/{pid}/cwd") + "/"
        except OSError:
            continue
        if cwd.startswith(inside) and pid != os.getpid():
            found.append(pid)
    return sorted(found)


def end_all_in(folder, timeout=20):
    """Sends SIGKILL to every process that works in folder until none is left."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        pids = [pid for pid in working_in(folder) if alive(pid)]
        if not pids:
            return True
        for pid in pids:
            send(pid, signal.SIGKILL)
        time.sleep(0.02)
    return False


def children(pid):
    """[(id, name)]"""
    seen = ((p, _stat(p)) for p in _pids())
    return [(p, s[0]) for p, s in seen if s and s[2] == pid]


def tree(pid, stop_at=("postgres",)):
    """The process and its descendants, but no descendants of processes with a name in stop_at."""
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += [child for child, name in children(p) if not name.startswith(stop_at)]
    return found


def described(pid):
    """The process and its descendants with the kernel functions in which their threads wait."""
    text = ""
    for process in tree(pid, stop_at=()):
        name, state, parent = _stat(process) or ("gone", "", 0)
        waits = []
        for wchan in glob.glob(f"/proc/{process}/task/*/wchan"):
            try:
                with open(wchan) as f:
                    waits.append(f.read())
            except OSError:
                pass
        text += f"  {process} (of {parent}) {state} {name}: {', '.join(waits)}\n"
    return text


def remove_note_of(data_dir):
    """Removes what a daemon notes in /dev/shm for its next run (src/agent/consents.h)."""
    hash_ = 14695981039346656037     # 64-bit FNV-1a
    for byte in data_dir.encode():
        hash_ = (hash_ ^ byte) * 1099511628211 % 2**64
    for path in glob.glob(f"/dev/shm/tamada-consents.*.{hash_:016x}"):
        os.unlink(path)


def in_own_shared_memory():
    """What to put before a command so that it has System V segments and a /dev/shm of its own. A killed server leaves both behind,
    and the machine's number of segments is limited (4,096). Empty where this user may not do that."""
    own = ["unshare", "--ipc", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh"]
    return own if os.geteuid() == 0 and subprocess.run([*own, "true"], capture_output=True).returncode == 0 else []


def adopt_orphans():
    """Becomes the parent of servers whose daemon was killed, and reaps them when they end. Under an init that does not reap (a
    container's first process is often `sleep`) a dead postmaster would look alive."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return

    def collect():
        while True:
            for path in glob.glob("/proc/self/task/*/children"):
                for pid in _numbers(path):
                    seen = _stat(pid)
                    # Only these programs are reaped, never a child of the subprocess module.
                    if seen and seen[1] == "Z" and seen[0] in ORPHANS:
                        try:
                            os.waitpid(pid, os.WNOHANG)
                        except ChildProcessError:
                            pass
            time.sleep(0.1)

    threading.Thread(target=collect, daemon=True).start()
