"""Measures the shortest possible outage: a script moves and restarts the same servers without any decision. This is what a role
change costs PostgreSQL itself; what a manager takes beyond that is the manager's own cost."""
import contextlib
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from harness import Cluster, Writer, wait_for  # noqa: E402


class ByHand:
    """Two servers of a cluster whose daemons have ended as in pause. It has the parts of a cluster that a Writer needs."""

    def __init__(self, cluster):
        self.nodes = cluster.nodes

    def leader(self):
        return next(node for node in self.nodes if node.sql("select pg_is_in_recovery()") == [(False,)])

    def standby(self):
        return next(node for node in self.nodes if node.sql("select pg_is_in_recovery()") == [(True,)])

    def settle(self):
        wait_for("a standby that has all", self._streams, 60)

    def _streams(self):
        leader, standby = self.leader(), self.standby()
        sent = "select sent_lsn = replay_lsn from pg_stat_replication where state = 'streaming'"
        return leader.sql(sent) == [(True,)] and standby.sql("select status from pg_stat_wal_receiver") == [("streaming",)]

    def outage(self, act):
        """Seconds without an acknowledged write for the same client as in scenarios.outage."""
        with Writer(self) as writer:
            time.sleep(1.0)   # so that there are some writes before the outage
            began = time.monotonic()
            act()
            writer.wait_for_writes(time.monotonic(), 100, 60)
            return writer.longest_gap(began)

    def switchover(self):
        self.settle()
        old, new = self.leader(), self.standby()

        def act():
            checked(old, "stop", "-m", "fast", "-w")
            checked(new, "promote", "-W")
        gap = self.outage(act)
        with open(f"{old.data}/postgresql.conf", "a") as f:
            f.write(f"\nprimary_conninfo = 'host=127.0.0.1 port={new.pg_port} user=replicator password=rep'\nprimary_slot_name = ''\n")
        with open(f"{old.data}/standby.signal", "w"):
            pass
        start(old)
        return gap

    def kill_postgres(self):
        self.settle()
        old = self.leader()

        def act():
            old.kill_postgres()
            start(old)
        return self.outage(act)


def checked(node, *argv):
    done = node.pg("pg_ctl", "-D", node.data, *argv)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def start(node):
    """Repeats the start while processes of the killed server still use its shared memory."""
    def started():
        done = node.pg("pg_ctl", "-D", node.data, "-W", "-l", f"{node.data}.by_hand.log", "start")
        return done.returncode == 0 and node.postmaster_pid()
    wait_for("a server started by hand", started, 30, step=0.005)


@contextlib.contextmanager
def servers(dcs, side=None):
    with Cluster(2, dcs=dcs, side=side, prefix="tamada-bench-") as c:
        c.up()
        c.configure(pause=True)
        wait_for("the pause", lambda: all(node.status().get("pause") for node in c.nodes), 60)
        for node in c.nodes:
            node.kill_daemon()
        yield ByHand(c)


def measure(reps, dcs, say=print):
    """{"switchover": [{"outage_s": s}, ...], "kill_postgres": [...]}"""
    found = {"switchover": [], "kill_postgres": []}
    with servers(dcs) as hands:
        for name, rows in found.items():
            for _ in range(reps):
                rows.append({"outage_s": getattr(hands, name)()})
            say(f"  {name} by hand: " + ", ".join(f"{row['outage_s']:.3f}" for row in rows) + " s")
    return found
