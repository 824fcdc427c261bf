"""Each scenario causes one fault in a healthy cluster and measures the outage for clients. All times are in seconds."""
import base64
import contextlib
import json
import pathlib
import signal
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from harness import Writer, wait_for  # noqa: E402

# The reference settings of the comparison are Patroni's defaults.
DCS = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "maximum_lag_on_failover": 1048576, "primary_start_timeout": 300}


def outage(cluster, act, watch, moves=False, timeout=180):
    """Writes a row every 5 ms, calls act(leader), and goes on for `watch` seconds after the first new acknowledged write."""
    with Writer(cluster) as writer:
        time.sleep(1.0)   # so that there are some writes before the outage
        old = cluster.leader()
        began = time.monotonic()
        act(old)
        new = cluster.wait_leader(timeout, other_than=old) if moves else None
        writer.wait_for_writes(max(began, time.monotonic() - 0.2), 100, timeout, port=new.pg_port if new else None)
        settled = time.monotonic() + watch
        wait_for("the end of the watch", lambda: time.monotonic() > settled, watch + 5)
        writer.wait_for_writes(time.monotonic(), 100, timeout)
        gap = writer.longest_gap(began)
    return {"outage_s": gap, "lost": len(writer.missing()), "moved": cluster.leader() is not old}


def switchover(c):
    def act(old):
        status, text = old.api("/switchover", "POST", {"leader": old.name}, timeout=60)
        assert status == 200, text
    old = c.leader()
    result = outage(c, act, 3, moves=True)
    if c.side.is_tamada:   # the old leader has seen all of its phases
        result["phases_ms"] = {one["phase"]: one["ms"] for one in json.loads(old.api("/tamada/handover")[1])["phases"]}
    return result


killed_at = {}   # member -> when its server was last killed


def kill_postgres(c):
    """A single crash, because a server that ends repeatedly is restarted with pauses. The members take turns, and each server
    runs for at least a minute before it is killed again."""
    def rested(member):
        return time.monotonic() - killed_at.get(member, -1000) > 75
    wait_for("a member whose server was not killed lately", lambda: any(rested(node) for node in c.nodes), 90)
    if not rested(c.leader()):
        candidate = next(node for node in c.nodes if rested(node))
        status, text = c.leader().api("/switchover", "POST", {"leader": c.leader().name, "candidate": candidate.name}, timeout=60)
        assert status == 200, text
        c.wait_healthy(120)
    killed_at[c.leader()] = time.monotonic()
    return outage(c, lambda old: old.kill_postgres(), 12)


def stop_daemon(c):
    stopped = []

    def act(old):
        stopped.append(old)
        old.stop()
    result = outage(c, act, 3, moves=True)
    stopped[0].start()
    return result


# How long after a renewal of the leader's lease the node is lost.
LOSS_AFTER_RENEWAL = 5


def lease_time_left(c):
    """The seconds that etcd still grants to the lease of the leader key."""
    def asked(path, **body):
        with urllib.request.urlopen(c.etcd.url + path, data=json.dumps(body).encode(), timeout=5) as answer:
            return json.loads(answer.read())
    key = base64.b64encode((c.prefix + "leader").encode()).decode()
    lease = asked("/v3/kv/range", key=key)["kvs"][0]["lease"]
    return int(asked("/v3/lease/timetolive", ID=lease)["TTL"])


def wait_for_renewal(c):
    left = [lease_time_left(c)]

    def renewed():
        left.append(lease_time_left(c))
        return left[-1] > left[-2]
    wait_for("a renewal of the leader's lease", renewed, 2 * c.dcs["ttl"], step=0.02)


def node_loss(c, after_renewal=LOSS_AFTER_RENEWAL):
    """etcd keeps the key of a lost leader until the lease ends, so the outage depends on the time since the last renewal.
    Each loss happens at the same time after a renewal, so that rounds and sides can be compared; None: at any time."""
    lost = []

    def act(old):
        if after_renewal is not None:
            wait_for_renewal(c)
            time.sleep(after_renewal)
        lost.append(old)
        old.lose()
    result = outage(c, act, 3, moves=True)
    lost[0].start()
    return result


def kill_daemon(c):
    """The daemon is killed and started again a second later, as systemd does."""
    def act(old):
        old.kill_daemon()
        time.sleep(1)
        old.start()
    return outage(c, act, c.dcs["ttl"] / 2)


def etcd_wiped(c):
    def act(_):
        c.etcd.ctl("del", "--prefix", c.prefix)
    return outage(c, act, c.dcs["loop_wait"] + 5)


def etcd_restart(c):
    def act(_):
        c.etcd.signal(signal.SIGKILL)
        c.etcd.proc.wait(10)
        c.etcd.start()
    return outage(c, act, c.dcs["loop_wait"] + 5)


@contextlib.contextmanager
def synchronous_mode(c):
    """Gives the synchronous standby that `/sync` names."""
    def named():
        key = json.loads(c.keys().get("sync") or "{}")
        return next((n for n in c.replicas() if n.name == key.get("sync_standby")), None)
    c.configure(synchronous_mode=True)
    yield wait_for("a synchronous standby", named, 60)
    c.wait_healthy(120)
    c.configure(synchronous_mode=None)


def sync_switchover(c):
    with synchronous_mode(c):
        return switchover(c)


def sync_standby_loss(c):
    """The standby is lost in synchronous mode, in which writes wait for it."""
    with synchronous_mode(c) as standby:
        result = outage(c, lambda _: standby.lose(), c.dcs["loop_wait"] + 5)
        standby.start()
        return result


SCENARIOS = {f.__name__: f for f in (switchover, kill_postgres, stop_daemon, node_loss, kill_daemon, etcd_wiped, etcd_restart,
                                    sync_switchover, sync_standby_loss)}
