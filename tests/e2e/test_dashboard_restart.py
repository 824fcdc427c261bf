"""Tests the restart of all members from the dashboard, one after the other, the leader last."""
import json
import signal

import pytest
import requests

from harness import wait_for
from harness.cluster import TREE

pytestmark = pytest.mark.tamada

PICTURES = TREE / "build" / "screenshots"
PASSWORD = "p\u00e4ss:word"


def pids(cluster):
    return {node.name: node.postmaster_pid() for node in cluster.nodes}


def waiting(cluster):
    """How many members report that they wait for a restart."""
    return sum(json.loads(node.api("/patroni")[1]).get("pending_restart", False) for node in cluster.nodes)


def started(node):
    return node.sql("SELECT pg_postmaster_start_time()")[0][0]


def ask_for_restarts(browser, node, leader):
    browser.look()
    browser.open(node)
    wait_for("the tree", lambda: len(browser.all(".tree .edge.streams")) == 2, 30)
    wait_for("the leader", lambda: browser.text("#verdict") == f"{leader} leads", 15)
    browser.press("Restart all members", ".members")
    wait_for("the question", lambda: browser.all("dialog[open]"), 30)


def order(browser):
    return [step.get_attribute("data-step") for step in browser.all(".steps li")]


def step(browser, node):
    return browser.text(f"[data-step='{node}']")


def pictures(browser, name):
    for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
        browser.look(width, 800, dark)
        assert browser.overflow() <= 0
        browser.window(PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    browser.look()


def test_only_those_with_a_pending_restart_one_after_the_other(cluster, browser, guarded):
    leader = cluster.leader()
    cluster.configure(postgresql={"parameters": {"max_logical_replication_workers": 5}})
    try:
        wait_for("all to wait for a restart", lambda: waiting(cluster) == len(cluster.nodes), 30)
        before = pids(cluster)
        ask_for_restarts(browser, guarded, leader)
        wait_for("the members", lambda: len(order(browser)) == 3 and "only those with a pending restart (n" in browser.question(), 30)
        first, second, last = order(browser)
        assert [first, second, last] == [*sorted(n.name for n in cluster.replicas()), leader.name]
        assert "is restarted in place" in browser.question() and f"Nobody takes writes until {leader} is back." in browser.question()
        pictures(browser, "restart-all")
        browser.submit()
        browser.log_in("admin", "wrong")
        wait_for("the refusal", lambda: "not accepted" in browser.question(), 30)
        assert pids(cluster) == before and "waits" in step(browser, first)
        browser.log_in("admin", PASSWORD)
        wait_for("the first to be restarted", lambda: "is restarted" in step(browser, first) or "runs" in step(browser, first), 30)
        assert "waits" in step(browser, last)
        wait_for("the end", lambda: "All of them were restarted." in browser.question(), 60)
        assert all("runs again" in step(browser, node) for node in cluster.nodes)
        assert cluster.leader() is leader
        after = pids(cluster)
        assert all(after[name] != before[name] for name in before)
        begins = [started(next(n for n in cluster.nodes if n.name == name)) for name in (first, second, last)]
        assert begins == sorted(begins)
        browser.leave()
        wait_for("no restart to be pending", lambda: "A restart is pending" not in browser.text(".members"), 15)
    finally:
        cluster.configure(postgresql={"parameters": {"max_logical_replication_workers": None}})
        wait_for("all to wait for a restart", lambda: waiting(cluster) == len(cluster.nodes), 30)
        for node in cluster.nodes:
            answer = requests.post(f"http://127.0.0.1:{node.api_port}/restart", json={}, auth=("admin", PASSWORD.encode()), timeout=60)
            assert answer.status_code == 200, answer.text
        cluster.wait_healthy(60)
        wait_for("none to wait for a restart", lambda: waiting(cluster) == 0, 30)
    assert browser.complaints() == []


def test_the_leader_hands_over_before(cluster, browser):
    leader, (page, _) = cluster.leader(), cluster.replicas()
    before = pids(cluster)
    ask_for_restarts(browser, page, leader)
    candidate = order(browser)[0]
    wait_for("the choice", lambda: f"hands over to {candidate} before" in browser.question(), 20)
    browser.all("dialog [name=how]")[1].click()
    wait_for("what clients will notice", lambda: f"{leader} stops taking writes. Until {candidate} takes over" in browser.question(), 30)
    browser.submit()
    wait_for("the end", lambda: "All of them were restarted." in browser.question(), 60)
    after = pids(cluster)
    assert cluster.leader().name == candidate and all(after[name] != before[name] for name in before)
    assert cluster.wait_healthy(10)   # the old leader streams already
    browser.leave()
    assert browser.complaints() == []


def test_the_next_waits_until_the_one_before_streams(cluster, browser):
    leader, (page, _) = cluster.leader(), cluster.replicas()
    before = pids(cluster)
    ask_for_restarts(browser, page, leader)
    first, second, last = order(browser)
    browser.run("""
        window.held = true;
        const ask = window.fetch;
        window.fetch = async (path, options) => {
          const answer = await ask(path, options);
          if (!window.held || !path.endsWith('/members')) return answer;
          const told = await answer.json();
          for (const member of told.members) if (member.explain) member.explain.replication_state = null;
          window.looks = (window.looks ?? 0) + 1;
          return new Response(JSON.stringify(told));
        };""")
    browser.submit()
    wait_for("the first to run", lambda: "runs, does not stream yet" in step(browser, first), 30)
    looks = browser.run("return window.looks")
    wait_for("the page to look again", lambda: browser.run("return window.looks") > looks + 5, 30)
    after = pids(cluster)
    assert [after[name] != before[name] for name in (first, second, last)] == [True, False, False]
    browser.press("Stop after this member", "dialog")
    browser.run("window.held = false")
    wait_for("the end", lambda: f"Not restarted: {second}, {last}." in browser.question(), 60)
    browser.leave()


def test_it_ends_between_two_members(cluster, browser):
    leader, (page, _) = cluster.leader(), cluster.replicas()
    before = pids(cluster)
    ask_for_restarts(browser, page, leader)
    first, second, last = order(browser)
    browser.submit()
    browser.press("Stop after this member", "dialog")
    wait_for("the end", lambda: f"Not restarted: {second}, {last}." in browser.question(), 60)
    assert "The restarts were cancelled." in browser.question() and "runs again" in step(browser, first)
    after = pids(cluster)
    assert [after[name] != before[name] for name in (first, second, last)] == [True, False, False]
    pictures(browser, "restart-cancelled")
    browser.leave()


def test_the_first_failure_ends_it(cluster, browser):
    leader, replicas = cluster.leader(), cluster.replicas()
    before = pids(cluster)
    page, lost = sorted(replicas, key=lambda node: node.name)
    ask_for_restarts(browser, page, leader)
    lost.signal(signal.SIGSTOP)
    try:
        browser.submit()
        wait_for("the end", lambda: "have ended at the first failure" in browser.question(), 60)
        assert f"Not restarted: {leader}." in browser.question()
        assert "failed" in step(browser, lost) and "runs again" in step(browser, page)
        pictures(browser, "restart-failed")
    finally:
        lost.signal(signal.SIGCONT)
    after = pids(cluster)
    assert after[leader.name] == before[leader.name] and after[lost.name] == before[lost.name]
    browser.leave()
    cluster.wait_healthy(60)


def test_another_leader_than_expected_ends_it(cluster, browser):
    """Otherwise a member that is restarted like a standby could be the primary."""
    leader, (page, other) = cluster.leader(), cluster.replicas()
    before = pids(cluster)
    ask_for_restarts(browser, page, leader)
    status, text = leader.api("/switchover", "POST", {"leader": leader.name, "candidate": other.name}, timeout=60)
    assert status == 200, text
    wait_for("the page to know", lambda: browser.run("return document.querySelector('#verdict').textContent") == f"{other} leads", 15)
    browser.submit()
    wait_for("the end", lambda: "All of them were restarted." in browser.question(), 60)   # by the new order
    assert order(browser)[-1] == other.name
    browser.leave()
    cluster.wait_healthy(60)
    ask_for_restarts(browser, page, other)
    first = order(browser)[0]
    browser.run("const ask = window.fetch; window.fetch = (path, options) => path.endsWith('/cluster')"
                " ? Promise.resolve(new Response(JSON.stringify({members: [{name: arguments[0], role: 'leader'}]}))) : ask(path, options)", first)
    before = pids(cluster)
    browser.submit()
    wait_for("the refusal", lambda: f"{first} leads now" in step(browser, first), 30)
    assert pids(cluster) == before
    browser.leave()
