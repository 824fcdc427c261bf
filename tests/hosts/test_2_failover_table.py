"""Each test is one line of the failover table. It does one thing to a healthy cluster under two writers, and the results of the
writers and the samplers go into the table (see table.py)."""
import json
import os
import time

import pytest

from harness import Writer, wait_for
from machines import TREE
from sampling import Sampler


class Row:
    """The measurements of one test, from its beginning until the cluster is healthy again."""

    def __init__(self, table, what, seed, here, double_max_s):
        self.table, self.what, self.seed, self.here, self.double_max_s = table, what, seed, here, double_max_s
        self.site = table.site

    def __enter__(self):
        self.site.wait_healthy()
        self.table.flowing(time.monotonic())
        self.began = time.monotonic()
        self.old = self.site.leader()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.site.wait_healthy()
            self.table.flowing(time.monotonic())
            self.finish()

    def finish(self):
        direct, haproxy = (w.longest_gap(self.began) for w in self.table.writers)
        lost = sum(len([a for a in w.missing() if a.at >= self.began - 1]) for w in self.table.writers)
        double = self.table.sampler.doubly_writable(self.began, time.monotonic())
        row = {"what": self.what, "seed": self.seed, "here": self.here, "direct_s": direct, "haproxy_s": haproxy, "lost": lost, "double_s": double}
        self.table.rows.append(row)
        self.table.save()
        print(f"{self.what}: writes away {direct:.2f} s directly, {haproxy:.2f} s through HAProxy; {lost} lost; two primaries {double:.2f} s")
        assert double <= self.double_max_s, f"two writable primaries for {double:.2f} s"
        if self.site.synchronous:
            assert lost == 0, f"{lost} acknowledged rows lost"

    def unmoved(self):
        assert self.site.wait_leader() is self.old, "the leader stays"

    def moved(self, timeout=None):
        new = self.site.wait_leader(timeout or self.table.failover_within, other_than=self.old)
        self.table.flowing(time.monotonic())
        return new


class Table:
    def __init__(self, site):
        self.site, self.rows = site, []
        site.ctl("edit-config", "pg_cluster001", "--force", "-s", f"synchronous_mode={str(site.synchronous).lower()}",
                 *(w for k, v in site.times.items() for w in ("-s", f"{k}={v}")))
        # Detecting the failure takes at most a ttl; the rest is a margin for the machine.
        self.failover_within = site.times["ttl"] + 20
        self.writers = [Writer(site, 0.02, "direct", [(n.address, 5432) for n in site.nodes], "superpassword"),
                        Writer(site, 0.02, "through_haproxy", [(site.machines.address(4), 5000)], "superpassword")]
        self.sampler = Sampler(site.machines, [n.k for n in site.nodes])
        for writer in self.writers:
            writer.start()

    def row(self, what, seed="", here="as expected", double_max_s=0):
        return Row(self, what, seed, here, double_max_s)

    def last_answer(self, node):
        """What the node answered to the last question whether it takes writes: "1", "0", or "-" for no answer, as from a slow
        machine. Raises an IndexError while the node is silent."""
        return self.sampler.answers(node.k, time.monotonic() - 5, time.monotonic())[-1][2]

    def flowing(self, since, timeout=60):
        for writer in self.writers:
            writer.wait_for_writes(since, 10, timeout)

    def save(self):
        path = TREE / "build" / f"hosts-table-{self.site.times['ttl']}-{'synchronous' if self.site.synchronous else 'asynchronous'}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"times": self.site.times, "synchronous": self.site.synchronous, "rows": self.rows,
                                    "cores": os.cpu_count(), "load": os.getloadavg()[2]}, indent=1))

    def stop(self):
        for writer in self.writers:
            writer.stop()


@pytest.fixture(scope="module")
def table(deployment):
    table = Table(deployment)
    yield table
    table.stop()


@pytest.fixture(autouse=True)
def healed(deployment, request):
    """Repairs what a failed test has left broken, so that the next test does not fail, too."""
    yield
    machines = deployment.machines
    machines("heal", check=False)
    for node in deployment.nodes:
        machines("start", node.k, check=False)   # this fails for a host that is on
        machines.exec(node.k, "systemctl", "start", "--no-block", "etcd", "patroni", check=False)


def role_of(site, name):
    return next((m["role"] for m in site.cluster() if m["name"] == name), None)


# ---- planned

def test_switchover(table, deployment):
    with table.row("switchover", "the new primary promotes within 1 s") as row:
        candidate = deployment.successor()
        deployment.ctl("switchover", "pg_cluster001", "--leader", row.old.name, "--candidate", candidate.name, "--force")
        assert row.moved() is candidate


def test_load_taken_off_a_standby_and_given_back(table, deployment):
    with table.row("load taken off a standby (noloadbalance), given back", "the answer of GET /replica changes") as row:
        standby = deployment.standbys()[0]
        for value, status in (("true", 503), ("false", 200)):
            deployment.machines.sh(standby.k, f"sed -i 's/noloadbalance: .*/noloadbalance: {value}/' /etc/patroni/config.yml")
            standby.systemctl("reload", "patroni")
            wait_for(f"/replica is {status}", lambda: standby.status("/replica") == status, 20)
        row.unmoved()


def test_pause_and_resume(table, deployment):
    with table.row("failover paused, the primary's daemon stopped and started, resumed", "paused: no failover",
                   "as expected; HAProxy sees no primary while its daemon is away") as row:
        deployment.ctl("pause", "--wait")
        server = row.old.postmaster_pid()
        row.old.systemctl("stop", "patroni")
        time.sleep(deployment.times["ttl"] + deployment.times["loop_wait"] + 1)   # long enough for a failover
        assert all(n.status("/primary") != 200 for n in deployment.nodes)
        row.old.systemctl("start", "patroni")
        wait_for("the leader is back", lambda: deployment.leader() is row.old, 30)
        deployment.ctl("resume", "--wait")
        row.unmoved()
        assert row.old.postmaster_pid() == server, "PostgreSQL ran on"


# ---- etcd

def test_etcd_stopped_everywhere(table, deployment):
    ttl = deployment.times["ttl"]
    failsafe = "failsafe" in deployment.etcdctl("get", "--keys-only", "--prefix", "/service/pg_cluster001/")
    here = "as expected" if failsafe else "read-only until etcd is back"
    with table.row("etcd stopped everywhere; then a standby lost, too; all back",
                   "service goes on; with a node lost, read-only; back to normal", here) as row:
        for node in deployment.nodes:
            node.systemctl("stop", "etcd")
        if failsafe:
            time.sleep(2 * ttl)
            table.flowing(time.monotonic(), 20)
            wait_for("service to go on", lambda: table.last_answer(row.old) == "1", 20)
            standby = next(n for n in deployment.nodes if n is not row.old)
            deployment.machines("cut", standby.k)
        wait_for("read-only", lambda: table.last_answer(row.old) == "0", 3 * ttl + 30)
        if failsafe:
            deployment.machines("start", standby.k)
        for node in deployment.nodes:
            node.systemctl("start", "--no-block", "etcd")


def test_etcd_data_deleted(table, deployment):
    with table.row("the cluster's keys in etcd deleted", "they are written again at the next heartbeat") as row:
        deployment.etcdctl("del", "--prefix", "/service/pg_cluster001/")
        wait_for("keys", lambda: deployment.leader_key()["name"] == row.old.name, 3 * deployment.times["ttl"] + 10)
        row.unmoved()


# ---- hosts

def test_reboot_of_the_primary(table, deployment):
    with table.row("reboot of the primary", "failover; it comes back as a standby") as row:
        timeline = row.old.get("/patroni")["timeline"]
        deployment.machines("reboot", row.old.k)
        wait_for("a promotion", lambda: deployment.leader().get("/patroni")["timeline"] > timeline, table.failover_within)
        table.flowing(time.monotonic())
        # Such a host boots within 3 s. If it had the leader of etcd, the others cannot take the key before etcd has elected another.
        if deployment.leader() is row.old:
            row.here = "it was back before etcd had elected another leader of its own, and was promoted again"


def test_power_loss_of_the_primary(table, deployment):
    with table.row("power loss of the primary, and power back", "–", "failover; it comes back as a standby") as row:
        deployment.machines("cut", row.old.k)
        row.moved()
        deployment.machines("start", row.old.k)


def test_reboot_of_a_standby(table, deployment):
    with table.row("reboot of a standby", "it joins again by itself") as row:
        deployment.machines("reboot", deployment.standbys()[0].k)
        row.unmoved()


# ---- the daemon

def test_restart_of_the_primarys_daemon(table, deployment):
    with table.row("restart of the primary's daemon", "switchover") as row:
        timeline = row.old.get("/patroni")["timeline"]
        row.old.systemctl("restart", "patroni")
        wait_for("a promotion", lambda: deployment.leader().get("/patroni")["timeline"] > timeline, table.failover_within)
        if deployment.leader() is row.old:   # the restarted daemon itself may win the race
            row.here = "it was back before the others, on a busy machine, and won the race that its end began"


def test_restart_of_a_standbys_daemon(table, deployment):
    with table.row("restart of a standby's daemon", "nothing changes") as row:
        deployment.standbys()[0].systemctl("restart", "patroni")
        row.unmoved()


def test_stop_of_the_primarys_daemon(table, deployment):
    with table.row("stop of the primary's daemon, and start", "switchover; the node leaves the cluster") as row:
        row.old.systemctl("stop", "patroni")
        row.moved()
        wait_for("two members", lambda: len(deployment.cluster()) == 2, 30)
        row.old.systemctl("start", "patroni")


def test_stop_of_a_standbys_daemon(table, deployment):
    with table.row("a standby taken out (its daemon stopped), and put back", "the node leaves the cluster, the rest stays") as row:
        standby = deployment.standbys()[0]
        standby.systemctl("stop", "patroni")
        wait_for("two members", lambda: len(deployment.cluster()) == 2, 30)
        row.unmoved()
        standby.systemctl("start", "patroni")


def kill(node, pid):
    node.deployment.machines.exec(node.k, "kill", "-9", str(pid))


def test_kill_9_of_the_primarys_daemon(table, deployment):
    with table.row("kill -9 of the primary's daemon", "as a restart: switchover", "better: systemd starts it anew, PostgreSQL runs on, the leader stays") as row:
        pid = row.old.main_pid()
        kill(row.old, pid)
        wait_for("a new daemon", lambda: row.old.main_pid() not in (0, pid), 15)
        row.unmoved()


def test_kill_9_of_a_standbys_daemon(table, deployment):
    with table.row("kill -9 of a standby's daemon", "as a restart: nothing changes") as row:
        kill(deployment.standbys()[0], deployment.standbys()[0].main_pid())
        row.unmoved()


# ---- PostgreSQL

def test_kill_9_of_the_primarys_postgres(table, deployment):
    with table.row("kill -9 of the primary's postgres", "started again, the leader stays") as row:
        kill(row.old, row.old.postmaster_pid())
        table.flowing(time.monotonic() + 0.5)
        row.unmoved()


def test_kill_9_of_a_standbys_postgres(table, deployment):
    with table.row("kill -9 of a standby's postgres", "started again") as row:
        kill(deployment.standbys()[0], deployment.standbys()[0].postmaster_pid())
        row.unmoved()


# ---- cables. etcd runs on the same hosts, so the old primary keeps its own member of etcd on its side of the cut.

def never_the_old_ones_again(site, new, seconds):
    """Checks that from the new primary's election on no other node deletes or writes the leader key."""
    def key():   # etcd may be electing its own leader
        return wait_for("the leader key", lambda: {"is": site.leader_key(on=new.k)}, 60)["is"]
    first = key()
    assert first["name"] == new.name
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = key()
        assert now == first, f"the leader key was {first}, and is {now}"
        time.sleep(0.2)


def test_the_primarys_cable_pulled_and_put_back(table, deployment):
    ttl = deployment.times["ttl"]
    with table.row("the primary's cable pulled, and put back", "it goes read-only, another is elected within ttl; back, it is a standby. Danger: it may take the leader key again",
                   "as expected, and the danger does not exist: its etcd member alone accepts no write, and when the cable is back, the new primary keeps the key") as row:
        deployment.machines("unplug", row.old.k)
        new = row.moved()
        wait_for("the old one is read-only", lambda: table.last_answer(row.old) == "0", 60)
        forged = deployment.machines.exec(row.old.k, "env", "ETCDCTL_API=3", "ETCDCTL_CACERT=/etc/etcd/ca.crt", "ETCDCTL_USER=root:etcd_root_password",
                                          "ETCDCTL_ENDPOINTS=https://127.0.0.1:2379", "etcdctl", "--command-timeout=2s", "put",
                                          "/service/pg_cluster001/leader", row.old.name, check=False)
        assert "OK" not in forged, "a member on its own takes no write"
        deployment.machines("plug", row.old.k)
        never_the_old_ones_again(deployment, new, 2 * ttl)
        assert role_of(deployment, row.old.name) == "replica"


def test_a_standbys_cable_pulled_and_put_back(table, deployment):
    with table.row("a standby's cable pulled, and put back", "it leaves the cluster, and joins again by itself") as row:
        standby = deployment.standbys()[0]
        deployment.machines("unplug", standby.k)
        wait_for("two members", lambda: len(deployment.cluster()) == 2, deployment.times["ttl"] + 20)
        row.unmoved()
        deployment.machines("plug", standby.k)


# ---- other faults

BEYOND = "–"


def test_the_primarys_words_are_lost_one_way(table, deployment):
    with table.row("the primary hears the others, they do not hear it", BEYOND, "failover; it comes back as a standby") as row:
        for standby in deployment.standbys():
            deployment.machines("oneway", row.old.k, standby.k)
        row.moved()
        deployment.machines("heal")


def test_packet_loss(table, deployment):
    with table.row("30 % of the primary's packets lost for three ttl", BEYOND, "service goes on, or moves once; never two primaries") as row:
        deployment.machines("loss", row.old.k, 30)
        time.sleep(3 * deployment.times["ttl"])
        deployment.machines("heal")
        deployment.wait_leader()


def test_the_primarys_host_frozen_and_thawed(table, deployment):
    # All processes of the host wake up at once, so the server can answer before the guard runs.
    with table.row("the primary's host frozen, thawed after the failover", BEYOND,
                   "failover; when it is thawed, the guard ends its server at once", double_max_s=0.5) as row:
        deployment.machines("freeze", row.old.k)
        new = row.moved()
        deployment.machines("thaw", row.old.k)
        never_the_old_ones_again(deployment, new, deployment.times["ttl"])


FAKETIME = """[Service]
Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 FAKETIME_TIMESTAMP_FILE=/etc/faketimerc FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
"""


@pytest.fixture
def false_clocks(deployment):
    """A function that sets the clock that the daemon, PostgreSQL and etcd of a host see. Their units are restarted once, to preload libfaketime."""
    machines = deployment.machines
    deployment.wait_healthy()
    for node in [*deployment.standbys(), deployment.leader()]:
        machines.sh(node.k, "echo +0 >/etc/faketimerc; chmod 644 /etc/faketimerc; for u in patroni etcd; do mkdir -p /etc/systemd/system/$u.service.d; "
                    f"printf '%s' '{FAKETIME}' >/etc/systemd/system/$u.service.d/clock.conf; done; systemctl daemon-reload")
        node.systemctl("restart", "etcd")
        wait_for("its member of etcd", lambda: deployment.etcdctl("endpoint", "health", on=node.k) is not None, 30)
        node.systemctl("restart", "patroni")
        deployment.wait_healthy()

    def set_clock(node, offset):
        machines.sh(node.k, f"echo {offset} >/etc/faketimerc")
    yield set_clock
    for node in deployment.nodes:
        machines.sh(node.k, "rm -f /etc/systemd/system/*.service.d/clock.conf; systemctl daemon-reload")


def test_clock_an_hour_ahead_and_back(table, deployment, false_clocks):
    with table.row("the primary's clock set an hour ahead, and back", BEYOND, "nothing changes, because leases use a clock that cannot be set") as row:
        for offset in ("+3600", "+0"):
            false_clocks(row.old, offset)
            time.sleep(2 * deployment.times["ttl"])
        row.unmoved()
