"""Facts about a cluster that several tests ask for."""
import contextlib
import json
import os

import psycopg2

from harness import wait_for
from harness.cluster import postgres_bin


# The most seconds between two writes that are no outage: a disk shared with other programs may stall for seconds. A restart or a change
# of roles can be shorter than that, so tests also compare the server's process id and its timeline.
NO_OUTAGE = 5


def timeline(node):
    """The timeline that the daemon reports. Right after a promotion this may still be the old one."""
    primary = node.sql("select not pg_is_in_recovery()")[0][0]
    return wait_for("a look at the server", lambda: (lambda seen: seen if ("location" in seen["xlog"]) == primary else None)(node.status()),
                    20)["timeline"]


def marker(node):
    """Identity of a file of template0, which initdb or pg_basebackup creates and pg_rewind does not touch."""
    oid = node.sql("select oid from pg_database where datname = 'template0'")[0][0]
    seen = os.stat(f"{node.data}/base/{oid}/2619")
    return seen.st_ino, seen.st_mtime_ns


def fingerprint(folder):
    """{relative path: (size, mtime)} of everything in folder."""
    found = {}
    for top, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(top, name)
            seen = os.lstat(path)
            found[os.path.relpath(path, folder)] = (seen.st_size, seen.st_mtime_ns)
    return found


def has_row(node, table, value):
    return node.sql(f"select count(*) from {table} where v = '{value}'")[0][0] == 1


def wait_row_everywhere(cluster, table, value, timeout=20):
    for node in cluster.nodes:
        wait_for(f"row {value!r} on {node}", lambda node=node: has_row(node, table, value), timeout)


def wait_key(cluster, key, value=None, timeout=20):
    def there():
        found = cluster.keys().get(key)
        return found is not None and (value is None or found == value)
    wait_for(f"key {key}" + (f" = {value}" if value else ""), there, timeout)


def wait_history(cluster, new_leader, timeout=15):
    """Waits until the last line of the history names the new leader."""
    def written():
        lines = json.loads(cluster.keys().get("history", "[]"))
        return lines and lines[-1][-1] == new_leader.name and lines
    return wait_for(f"history naming {new_leader}", written, timeout)


def no_request_left(cluster):
    """Whether there is no request. Patroni empties the key, our daemon deletes it."""
    return json.loads(cluster.keys().get("failover") or "{}") == {}


def wait_key_gone(cluster, key):
    """Waits until the key of a stopped member is gone. Our daemon deletes it; Patroni lets it end with its lease."""
    wait_for(f"key {key} to go", lambda: key not in cluster.keys(), 1 if cluster.side.is_tamada else cluster.dcs["ttl"] + 5)


def wait_log(node, text, timeout=30):
    wait_for(f"{text!r} in the log of {node}", lambda: text in node.log(), timeout)


def wait_writable(node, timeout=30):
    """Waits until the node takes writes. /primary already answers 200 while the holder of the key is being promoted."""
    wait_for(f"{node} to take writes", lambda: node.sql("select pg_is_in_recovery()") == [(False,)], timeout)


def sync_key(cluster):
    found = json.loads(cluster.keys().get("sync") or "{}")
    return found.get("leader"), sorted((found.get("sync_standby") or "").split(",")), found.get("quorum")


def wait_sync_standby(cluster):
    wait_for("a synchronous standby", lambda: len(sync_key(cluster)[1][0]) > 0, 30)


def programs_with(cluster, name, script):
    """A copy of the real bin_dir in which `name` is this script. Each call makes a new one."""
    folder = f"{cluster.root}/programs"
    if not os.path.exists(folder):
        os.mkdir(folder)
        for program in os.listdir(postgres_bin()):
            os.symlink(f"{postgres_bin()}/{program}", f"{folder}/{program}")
    os.unlink(f"{folder}/{name}")
    with open(f"{folder}/{name}", "w") as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(f"{folder}/{name}", 0o755)
    return folder


@contextlib.contextmanager
def all_connections_taken(node):
    """Clients hold all connections of the node's server, those for superusers, too. The value is a function that takes a connection
    which has become free meanwhile, and says whether the server refuses a further client."""
    taken = []

    def refused():
        try:
            taken.append(node.connect())
        except psycopg2.OperationalError as error:
            if "too many clients" not in str(error):
                raise
            return True
    try:
        wait_for("the server to refuse a further client", refused, 60, step=0)
        yield refused
    finally:
        for connection in taken:
            connection.close()


@contextlib.contextmanager
def server_alone(node):
    """The node's server without its daemon: a primary that the cluster knows nothing of."""
    started = node.pg("pg_ctl", "start", "-w", "-D", node.data, "-l", f"{node.cluster.root}/alone.log",
                      "-o", f"-p {node.pg_port} -c listen_addresses=127.0.0.1")
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        yield
    finally:
        stopped = node.pg("pg_ctl", "stop", "-w", "-m", "fast", "-D", node.data)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
