"""With failsafe_mode the primary goes on while etcd does not answer, as long as every member answers."""
import json
import signal
import time

import pytest

import facts
from harness import Writer, wait_for


def enable(cluster):
    status, text = cluster.leader().api("/config", "PATCH", {"failsafe_mode": True})
    assert status == 200, text
    wanted = {n.name: f"http://127.0.0.1:{n.api_port}/patroni" for n in cluster.nodes}
    wait_for("the key failsafe", lambda: json.loads(cluster.keys().get("failsafe") or "{}") == wanted, 20)
    wait_for("the members' knowledge of it",
             lambda: all(json.loads(n.api("/failsafe")[1]) == wanted for n in cluster.nodes), 30)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["stopped", "hanging"])
def test_the_primary_goes_on_until_a_member_is_gone(cluster, how):
    enable(cluster)
    leader, ttl = cluster.leader(), cluster.dcs["ttl"]
    before, server = facts.timeline(leader), leader.postmaster_pid()
    with Writer(cluster) as writer:
        gone = time.monotonic()
        cluster.etcd.signal(how)
        wait_for("failsafe mode", lambda: leader.status().get("failsafe_mode_is_active"), ttl + 5)
        wait_for("two lease times", lambda: time.monotonic() > gone + 2 * ttl, 3 * ttl)
        assert writer.longest_gap(gone) < facts.NO_OUTAGE
        assert leader.is_primary() and all(n.is_replica() for n in cluster.replicas())
        assert leader.postmaster_pid() == server
        assert "failsafe_mode_is_active" in leader.api("/primary")[1]
        assert all(n.status().get("failsafe_mode_is_active") for n in cluster.nodes)

        member = next(n for n in cluster.nodes if n is not leader)
        member.lose()
        wait_for("no more writes", lambda: not writer.acked_since(time.monotonic() - 1.5), ttl + 5)
        wait_for("a server that is read-only", lambda: leader.sql("select pg_is_in_recovery()") == [(True,)], 30)
        assert not any(n.is_primary() for n in cluster.nodes)

        back = time.monotonic()
        if how == signal.SIGSTOP:
            cluster.etcd.signal(signal.SIGCONT)
        else:
            cluster.etcd.proc.wait(30)
            cluster.etcd.start()
        writer.wait_for_writes(back, timeout=60)
    cluster.heal()
    assert writer.missing() == []
    assert before <= facts.timeline(cluster.leader())


def test_etcd_comes_back_to_the_same_primary(cluster):
    enable(cluster)
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    server = leader.postmaster_pid()
    with Writer(cluster) as writer:
        began = time.monotonic()
        cluster.etcd.kill()
        wait_for("more than a lease time", lambda: time.monotonic() > began + cluster.dcs["ttl"] + 2, 60)
        cluster.etcd.start()
        assert cluster.etcd.ctl("del", "--prefix", cluster.prefix).returncode == 0
        wait_for("all keys again", lambda: {"leader", "failsafe", "config", "initialize"} <= set(cluster.keys()), 30)
        wait_for("failsafe mode to end", lambda: not leader.status().get("failsafe_mode_is_active"), 20)
        back = time.monotonic()
        writer.wait_for_writes(back)
        assert writer.longest_gap(began) < facts.NO_OUTAGE
    assert cluster.wait_healthy(30) is leader
    assert (leader.postmaster_pid(), facts.timeline(leader)) == (server, before)
    assert writer.missing() == []


def test_answers_to_the_question(cluster):
    enable(cluster)
    leader = cluster.leader()
    replica = cluster.replicas()[0]
    question = {"name": leader.name, "conn_url": "postgres://127.0.0.1/postgres", "api_url": "http://127.0.0.1/patroni"}
    assert replica.api("/failsafe", "POST", question) == (200, "Accepted")
    assert leader.api("/failsafe", "POST", question) == (500, "Running as a leader")
    wait_for("the mode", lambda: replica.status().get("failsafe_mode_is_active") is True, 20)   # told by the next observation
    assert cluster.leader().api("/config", "PATCH", {"failsafe_mode": None})[0] == 200
    wait_for("the mode to end", lambda: replica.api("/failsafe", "POST", question)[0] == 502, 30)
    assert replica.api("/failsafe")[0] == 502


def test_a_switchover_to_a_daemon_that_has_just_been_started(new_cluster):
    """It does not know to whom its former runs consented. But the leader gave its key up when its server had stopped."""
    cluster = new_cluster(2, dcs={"ttl": 60, "failsafe_mode": True}).up()
    standby = cluster.replicas()[0]
    wait_for("the key failsafe", lambda: standby.name in json.loads(cluster.keys().get("failsafe") or "{}"), 20)
    asked = time.monotonic()
    with Writer(cluster) as writer:
        writer.wait_for_writes(asked)
        began = time.monotonic()
        done = cluster.ctl("switchover", "--candidate", standby.name, "--force")
        assert done.returncode == 0, done.stdout + done.stderr
        writer.wait_for_writes(time.monotonic())
        assert writer.longest_gap(began) < 4     # a switchover that fails ends after 5 s, and the old primary leads on
    assert cluster.leader() is standby
    assert writer.missing() == []


def older_than_ttl(cluster):
    enable(cluster)
    started = time.monotonic()
    wait_for("daemons older than ttl", lambda: time.monotonic() > started + cluster.dcs["ttl"], 60)
    return cluster.leader(), cluster.replicas()[0]


def test_a_daemon_that_was_restarted_takes_over_in_time(new_cluster):
    """Its former run left a note that it consented to nobody."""
    cluster = new_cluster(2, dcs={"ttl": 30}).up()
    leader, standby = older_than_ttl(cluster)
    leader.lose()
    lost = time.monotonic()
    wait_for("two thirds of the lease's time", lambda: time.monotonic() > lost + 20, 30)
    standby.kill_daemon()
    started = time.monotonic()
    standby.start()
    wait_for("the standby to lead", standby.is_primary, 60)
    assert time.monotonic() < started + 27     # about 11 s; without the note it is ttl, 30 s


def test_a_daemon_that_was_restarted_keeps_to_its_consent(new_cluster):
    cluster = new_cluster(2, dcs={"ttl": 30}).up()
    leader, standby = older_than_ttl(cluster)
    question = {"name": leader.name, "conn_url": "postgres://127.0.0.1/postgres", "ttl": 30,
                "api_url": f"http://127.0.0.1:{leader.api_port}/patroni"}
    asked = time.monotonic()
    assert standby.api("/failsafe", "POST", question) == (200, "Accepted")
    standby.kill_daemon()
    standby.start()
    cluster.wait_healthy(30)
    leader.stop()
    assert time.monotonic() < asked + 29, "too late to see that the standby waits"
    wait_for("the standby to lead", standby.is_primary, 60)
    assert time.monotonic() > asked + 30


def test_a_standby_does_not_follow_a_primary_that_it_cannot_see(new_cluster):
    """/failsafe named only the primary, which went on alone. Then all keys are deleted while it does not answer."""
    cluster = new_cluster(2)
    cluster.up()
    enable(cluster)
    leader, standby = cluster.leader(), cluster.replicas()[0]
    noted = f"{standby.data}/tamada.members.json"
    wait_for("the members on the standby's disk", lambda: set(json.load(open(noted))["members"]) == {leader.name, standby.name}, 20)
    standby.stop()
    wait_for("/failsafe without the standby",
             lambda: set(json.loads(cluster.keys()["failsafe"])) == {leader.name}, cluster.dcs["ttl"] + 20)
    cluster.etcd.kill()
    wait_for("failsafe mode", lambda: leader.status().get("failsafe_mode_is_active"), cluster.dcs["ttl"] + 5)
    leader.sql("create table alone (id int)")
    leader.lose()
    cluster.etcd.start()
    assert cluster.etcd.ctl("del", "--prefix", cluster.prefix).returncode == 0
    standby.start()
    wait_for("the reason", lambda: f"{leader.name} did not answer as a running standby" in standby.log(whole=True),
             cluster.dcs["ttl"] + 30)
    assert standby.is_replica() or not standby.is_primary()
    assert "did not answer" in cluster.ctl("list", node=standby).stdout

    done = cluster.ctl("failover", "--candidate", standby.name, "--force", node=standby)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("the standby to lead", standby.is_primary, 30)


def test_after_the_keys_were_lost_a_failover_needs_force_while_the_primary_is_silent(new_cluster):
    """The primary may still be one in failsafe mode. An operator who does not know that the keys were lost must not make a second one."""
    cluster = new_cluster(2).up()
    cluster.configure(synchronous_mode=True)
    leader, standby = cluster.leader(), cluster.replicas()[0]
    wait_for("the synchronous standby", lambda: json.loads(cluster.keys().get("sync") or "{}").get("sync_standby") == standby.name, 30)
    leader.lose()
    assert cluster.etcd.ctl("del", "--prefix", cluster.prefix).returncode == 0
    question = f"all keys in the DCS are gone, and {leader.name} did not answer as a running standby"
    wait_for("the question", lambda: question in standby.log(), 3 * cluster.dcs["ttl"])

    with cluster.terminal("failover", "--candidate", standby.name) as terminal:
        terminal.expect("Are you sure you want to failover cluster").line("y")
        assert terminal.end() == 1, terminal.shown
    shown = " ".join(terminal.shown.split())
    assert "Failover failed, details: 412, failover is not possible: all keys in the DCS are gone" in shown, shown
    assert "tamadactl failover --candidate MEMBER --force" in shown, shown
    # A request that another program wrote into the DCS, as Patroni's ctl does when no member answers it.
    assert cluster.etcd.ctl("put", cluster.prefix + "failover", json.dumps({"member": standby.name})).returncode == 0
    told = standby.log().count(question)
    wait_for("two looks at the request", lambda: standby.log().count(question) >= told + 2, 3 * cluster.dcs["loop_wait"] + 10)
    assert standby.sql("select pg_is_in_recovery()") == [(True,)]

    done = cluster.ctl("failover", "--candidate", standby.name, "--force", node=standby)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("the promotion", standby.is_primary, 30)
