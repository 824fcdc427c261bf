"""Tests what the dashboard changes: each action of it on a real cluster, in a browser."""
import datetime
import json
import re
import signal
import subprocess

import pytest
import requests

from fake_member import FakeMember
from harness import wait_for
from harness.cluster import TREE

pytestmark = pytest.mark.tamada

PICTURES = TREE / "build" / "screenshots"


def config_of(node):
    return json.loads(node.api("/config")[1])


def test_nothing_changes_without_the_password(cluster, browser, guarded):
    old, new = cluster.leader(), next(node for node in cluster.replicas() if node is not guarded)
    browser.open(guarded)
    wait_for("the leader", lambda: browser.text("#verdict") == f"{old} leads", 15)
    switchover = f"Switch over to {new}"
    card = f"[data-member='{new}']"
    browser.press(switchover, card)
    wait_for("the question", lambda: f"{old} stops and becomes a standby, {new} is promoted" in browser.question(), 30)
    browser.press("Cancel", "dialog")
    wait_for("the question to go", lambda: not browser.all("dialog"), 30)
    browser.press(switchover, card)
    browser.submit()
    browser.log_in("admin", "wrong")
    wait_for("the refusal", lambda: "not accepted" in browser.question(), 30)
    assert cluster.leader() is old
    browser.log_in("admin", "p\u00e4ss:word")
    wait_for("what came of it", lambda: f'Successfully switched over to "{new}"' in browser.question(), 30)
    browser.press("Close", "dialog")
    wait_for("the new leader", lambda: browser.text("#verdict") == f"{new} leads", 15)
    cluster.wait_healthy(60)
    # The page keeps the password only while it is open.
    browser.press("Pause", "header")
    browser.submit()
    wait_for("the pause", lambda: "paused." in browser.text(".verdict"), 15)
    assert browser.run("return [document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    browser.open(guarded)
    browser.press("Resume", "header")
    browser.submit()
    browser.log_in("admin", "p\u00e4ss:word")
    wait_for("the end of the pause", lambda: "paused." not in browser.text(".verdict"), 15)
    assert browser.complaints() == []


def test_its_own_member_is_restarted(cluster, browser):
    node = cluster.replicas()[0]
    before = node.postmaster_pid()
    browser.open(node)
    browser.press(f"Restart PostgreSQL of {node}", f"[data-member='{node}']")
    browser.driver.switch_to.active_element.send_keys("\ue00c")   # Escape cancels the dialog
    wait_for("the question to go", lambda: not browser.all("dialog"), 30)
    browser.press(f"Restart PostgreSQL of {node}", f"[data-member='{node}']")
    browser.submit()
    wait_for("what came of it", lambda: "restarted successfully" in browser.question(), 30)
    assert node.postmaster_pid() != before
    browser.press("Close", "dialog")
    browser.press(f"Copy {node} anew", f"[data-member='{node}']")
    wait_for("the question", lambda: "all its data are replaced" in browser.question(), 30)
    browser.press("Cancel", "dialog")


def asked(browser, node, action):
    """The question before an action of a member, which is then cancelled."""
    browser.press(action, f"[data-member='{node}']")
    wait_for("the question", lambda: browser.all("dialog[open]"), 30)
    text = browser.question()
    browser.leave()
    return text


def test_the_question_before_a_copy_says_how_much_is_removed_and_copied(cluster, browser):
    leader, (replica, other) = cluster.leader(), cluster.replicas()

    def asked_by(page):
        browser.open(page)
        browser.press(f"Copy {replica} anew", f"[data-member='{replica}']")
        wait_for("the sizes", lambda: f"{leader} has " in browser.question(), 60)
        return browser.question()
    question = asked_by(other)   # whose daemon asks both members
    size = re.search(rf"{replica} holds ([\d.]+) MB of data and ([\d.]+) MB of WAL. They are kept until the new copy is complete, and then removed.", question)
    sent = re.search(rf"{leader} has ([\d.]+) MB of data to send, and the WAL that is written meanwhile.", question)
    assert size and sent, question
    du = int(subprocess.run(["du", "-sB1", "--exclude=pg_wal", replica.data], capture_output=True, text=True, check=True).stdout.split()[0])
    assert abs(float(size[1]) - du / 2**20) < 2 and float(size[2]) >= 16 and abs(float(sent[1]) - float(size[1])) < 10, (du, question)
    for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
        browser.look(width, 800, dark)
        assert browser.overflow() <= 0
        browser.window(PICTURES / f"copy-{width}-{'dark' if dark else 'light'}.png")
    browser.look()
    browser.leave()
    assert asked_by(replica).count(" MB of data") == 2
    browser.leave()
    # A member that cannot be asked. The page says so, and the copy can be ordered all the same.
    other.signal(signal.SIGSTOP)
    try:
        browser.press(f"Copy {other} anew", f"[data-member='{other}']")
        wait_for("the reason", lambda: f"How much data {other} holds is not known." in browser.question() and f"{leader} has " in browser.question(), 60)
        assert browser.all("dialog [type=submit]")[0].is_enabled()
        browser.leave()
    finally:
        other.signal(signal.SIGCONT)
    assert browser.complaints() == []


def test_the_question_says_what_clients_will_notice(cluster, browser):
    """And how long it took last time, if that is known."""
    def last_restart(question):
        return re.findall("At the last restart .*", question)
    old, (new, other) = cluster.leader(), cluster.replicas()
    browser.look()
    browser.open(other)
    restart_before = last_restart(asked(browser, old, "Restart"))
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert status == 200, text
    cluster.wait_healthy(60)
    status, text = new.api("/restart", "POST", {}, timeout=60)
    assert status == 200, text
    cluster.wait_healthy(60)
    wait_for("the tree", lambda: len(browser.all(".tree .edge.streams")) == 2, 30)
    wait_for("what all tell", lambda: "start took" in browser.text(".events") and "no primary for" in browser.text(".changes"), 30)
    question = asked(browser, old, "Switch over")
    assert f"{new} stops taking writes. Until {old} takes over, nobody takes any." in question
    assert f"Open connections to {new} end." in question and f"{new} then is a standby of {old}" in question
    assert f"{other} then receives WAL from {old}" in question
    took = re.search(r"The last switchover took (\d+) ms without a primary \(today \d\d:\d\d:\d\d\)", question)
    assert took and f"no primary for {took[1]} ms" in browser.text(".changes"), question
    question = asked(browser, new, "Restart")
    assert f"Nobody takes writes until {new} is back." in question
    took = re.search(rf"At the last restart PostgreSQL of {new} was away for (\d+) ms \(today", question)
    assert took and 0 < int(took[1]) < 30_000, question
    question = asked(browser, old, "Restart")
    assert f"{new} goes on taking writes." in question and "synchronous" not in question
    assert last_restart(question) == restart_before   # the switchover has stopped and started it, which is no restart
    assert "nothing is interrupted" in asked(browser, old, "Reload")
    question = asked(browser, old, "Copy")
    assert f"{new} sends all its data" in question and f"Until the copy is complete {old} answers no reads and cannot take over" in question
    cluster.configure(synchronous_mode=True)
    try:
        synchronous = wait_for("a synchronous standby", lambda: next((n for n in (old, other) if "synchronous standby" in browser.card(n)), None), 30)
        next_one = other if synchronous is old else old
        question = asked(browser, synchronous, "Restart")
        assert f"Commits wait for a moment, until another standby is in its place: {next_one}." in question
        browser.press("中文", ".tools")
        wait_for("the language", lambda: "是领导者" in browser.text("#verdict"), 30)
        assert f"直到另一备库代替它：{next_one}" in asked(browser, synchronous, "重启")
        browser.press("English", ".tools")
        for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
            browser.look(width, 800, dark)
            browser.press("Restart", f"[data-member='{synchronous}']")
            assert browser.overflow() <= 0
            browser.window(PICTURES / f"restart-{width}-{'dark' if dark else 'light'}.png")
            browser.leave()
    finally:
        browser.look()
        cluster.configure(synchronous_mode=None)
    assert browser.complaints() == []


def test_another_member_is_restarted(cluster, browser, guarded):
    """From the page of a member that asks for a password, which it passes on with the request."""
    node = next(node for node in cluster.replicas() if node is not guarded)
    restart, card = f"Restart PostgreSQL of {node}", f"[data-member='{node}']"
    before = node.postmaster_pid()
    browser.open(guarded)
    browser.press(restart, card)
    browser.submit()
    browser.log_in("admin", "wrong")
    wait_for("the refusal", lambda: "not accepted" in browser.question(), 30)
    assert node.postmaster_pid() == before
    browser.log_in("admin", "p\u00e4ss:word")
    wait_for("what came of it", lambda: "restarted successfully" in browser.question(), 30)
    assert node.postmaster_pid() != before
    assert f"passing POST /restart on to {node}, for 127.0.0.1" in guarded.log()
    browser.leave()
    browser.press(f"Reload {node}", card)
    browser.submit()
    wait_for("what came of it", lambda: "reload scheduled" in browser.question(), 15)
    browser.leave()
    # The leader's answer is shown as it is: it has no data to replace.
    leader = cluster.leader()
    answer = requests.post(f"http://127.0.0.1:{guarded.api_port}/tamada/reinitialize?member={leader}", timeout=15,
                           auth=("admin", "p\u00e4ss:word".encode()))
    assert (answer.status_code, answer.text) == (503, "I am the leader, can not reinitialize")
    assert browser.complaints() == []


def test_another_members_restart_is_scheduled_and_cancelled(cluster, browser):
    page, node = cluster.leader(), cluster.replicas()[0]
    card = f"[data-member='{node}']"
    browser.open(page)
    browser.press(f"Restart PostgreSQL of {node}", card)
    choose_time(browser, str(datetime.date.today() + datetime.timedelta(days=1)), "04:00", "+00:00")
    browser.submit()
    wait_for("what came of it", lambda: "Restart scheduled" in browser.question(), 15)
    assert "scheduled_restart" in json.loads(node.api("/patroni")[1])
    browser.leave()
    wait_for("it to be shown", lambda: "A restart is scheduled for" in browser.card(node), 15)
    browser.press(f"Cancel the scheduled restart of {node}", card)
    browser.submit()
    wait_for("what came of it", lambda: "scheduled restart deleted" in browser.question(), 15)
    assert "scheduled_restart" not in json.loads(node.api("/patroni")[1])
    browser.leave()


def choose_time(browser, date, clock, zone):
    browser.all("dialog .choice input")[1].click()
    wait_for("the fields", lambda: browser.all("dialog [type=date]"), 30)
    browser.fill("dialog [type=date]", date)
    browser.fill("dialog [type=time]", clock)
    browser.fill("dialog select", zone)


def test_a_switchover_is_scheduled_and_cancelled(cluster, browser):
    old, (new, _) = cluster.leader(), cluster.replicas()
    browser.open(old)
    browser.press(f"Switch over to {new}", f"[data-member='{new}']")
    day = datetime.date.today()
    choose_time(browser, str(day - datetime.timedelta(days=2)), "03:30", "+05:45")
    wait_for("a time that has passed", lambda: "This time has passed" in browser.question(), 30)
    tomorrow, after = (str(day + datetime.timedelta(days=days)) for days in (1, 2))
    browser.fill("dialog [type=date]", after)
    wait_for("the time in UTC", lambda: f"That is {tomorrow} 21:45 UTC" in browser.question(), 30)
    for width, dark in ((360, True), (1280, False)):
        browser.look(width, 800, dark)
        assert browser.overflow() <= 0
        browser.window(PICTURES / f"schedule-{width}-{'dark' if dark else 'light'}.png")
    browser.submit()
    wait_for("what came of it", lambda: "Switchover scheduled" in browser.question(), 15)
    request = json.loads(cluster.keys()["failover"])
    assert (request["leader"], request["member"]) == (old.name, new.name)
    assert datetime.datetime.fromisoformat(request["scheduled_at"]) == datetime.datetime.fromisoformat(f"{after}T03:30+05:45")
    browser.leave()
    wait_for("it to be shown", lambda: f"to {new}" in browser.text(".verdict") and "A switchover is scheduled" in browser.text(".verdict"), 30)
    browser.press("Cancel the scheduled switchover", ".verdict")
    browser.submit()
    wait_for("what came of it", lambda: "scheduled switchover deleted" in browser.question(), 15)
    browser.leave()
    wait_for("its end", lambda: "A switchover is scheduled" not in browser.text(".verdict"), 30)
    assert cluster.leader() is old and browser.complaints() == []


def test_a_restart_is_scheduled_and_cancelled(cluster, browser):
    node = cluster.replicas()[0]
    card = f"[data-member='{node}']"
    before = node.postmaster_pid()
    browser.open(node)
    assert "Cancel the scheduled restart" not in browser.card(node)
    browser.press(f"Restart PostgreSQL of {node}", card)
    choose_time(browser, str(datetime.date.today() + datetime.timedelta(days=1)), "04:00", "local")
    browser.submit()
    wait_for("what came of it", lambda: "Restart scheduled" in browser.question(), 15)
    browser.leave()
    wait_for("it to be shown", lambda: "A restart is scheduled for" in browser.card(node), 15)
    browser.press(f"Cancel the scheduled restart of {node}", card)
    browser.submit()
    wait_for("what came of it", lambda: "scheduled restart deleted" in browser.question(), 15)
    browser.leave()
    wait_for("its end", lambda: "A restart is scheduled" not in browser.card(node), 15)
    assert node.postmaster_pid() == before and browser.complaints() == []


def edit(browser, **parameters):
    """Writes the configuration anew in the open dialog."""
    wait_for("the text", lambda: browser.all("dialog textarea"), 30)
    config = json.loads(browser.run("return document.querySelector('dialog textarea').value"))
    config.setdefault("postgresql", {}).setdefault("parameters", {}).update(parameters)
    browser.fill("dialog textarea", json.dumps(config, indent=2))


def lines(browser, kind):
    return browser.run("return [...document.querySelectorAll('.diff .' + arguments[0] + ' code')].map(code => code.textContent.trim())", kind)


def test_the_configuration_is_checked_before_it_is_changed(cluster, browser, guarded):
    before = config_of(guarded)
    assert requests.post(f"http://127.0.0.1:{guarded.api_port}/tamada/check-config", json={}, timeout=5).status_code == 401
    browser.open(guarded)
    browser.press("Configuration", "header")
    edit(browser)
    browser.press("Check", "dialog")
    wait_for("the complaint", lambda: "Nothing is changed yet" in browser.question(), 30)
    browser.fill("dialog textarea", '{"ttl": ')
    browser.press("Check", "dialog")
    wait_for("the complaint", lambda: "This is no JSON object" in browser.question(), 30)

    browser.fill("dialog textarea", json.dumps(before))
    edit(browser, work_mem="much")
    browser.press("Check", "dialog")
    browser.log_in("admin", "p\u00e4ss:word")
    wait_for("the refusal", lambda: "would refuse this change" in browser.question() and "work_mem" in browser.text("dialog .trouble"), 30)
    assert not [b for b in browser.all("dialog button") if b.text.startswith("Change the configuration")]
    browser.press("Edit again", "dialog")
    browser.fill("dialog textarea", json.dumps(before))
    edit(browser, max_connections=120, work_mem="8MB")
    browser.press("Check", "dialog")
    wait_for("the change", lambda: "max_connections" in browser.text("dialog .effects"), 30)
    assert sorted(lines(browser, "added")) == ['"max_connections": 120', '"work_mem": "8MB"']
    assert all(line.startswith('"max_connections"') for line in lines(browser, "removed"))
    assert config_of(guarded) == before
    try:
        for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
            browser.look(width, 800, dark)
            assert browser.overflow() <= 0
            browser.window(PICTURES / f"configuration-{width}-{'dark' if dark else 'light'}.png")
        browser.press("Change the configuration", "dialog")
        wait_for("what came of it", lambda: "A restart is pending on: n" in browser.question(), 15)
        assert config_of(guarded)["postgresql"]["parameters"]["max_connections"] == 120
        browser.leave()
        wait_for("both values", lambda: re.search(r"max_connections: \d+ → 120", browser.card(guarded)), 15)
    finally:
        browser.look()
        old = before.get("postgresql", {}).get("parameters", {})
        cluster.leader().configure({"postgresql": {"parameters": {name: old.get(name) for name in ("max_connections", "work_mem")}}})
    wait_for("no restart to be pending", lambda: "A restart is pending" not in browser.card(guarded), 15)
    assert browser.complaints() == []


def test_progress_is_shown_while_it_happens(cluster, browser):
    """A restart answers when it is over; until then the dialog shows what the member tells."""
    node = cluster.replicas()[0]
    browser.open(node)
    browser.press(f"Restart PostgreSQL of {node}", f"[data-member='{node}']")
    browser.submit()
    seen = []   # the page shows the newest events only

    def stop_and_start():
        seen.append(browser.text("dialog .progress"))
        return all(any(word in text for text in seen) for word in ("stop", "start"))
    wait_for("the progress", stop_and_start, 30)
    wait_for("what came of it", lambda: "restarted successfully" in browser.question(), 30)
    browser.leave()


def test_what_is_wrong_with_the_whole(cluster, browser):
    before = config_of(cluster.leader())
    browser.open(cluster.nodes[0])
    assert "ttl is" not in browser.text(".verdict")
    cluster.configure(loop_wait=5, retry_timeout=3)
    try:
        wait_for("the finding", lambda: "ttl is 8, but loop_wait + 2 * retry_timeout is 11" in browser.text(".concerns"), 20)
        wait_for("what to do", lambda: "edit-config -s ttl=11" in browser.text(".concerns small"), 15)
        assert "ttl 8" not in browser.text(".concerns")   # as the doctor says the same
    finally:
        cluster.configure(loop_wait=before["loop_wait"], retry_timeout=before["retry_timeout"])
    wait_for("its end", lambda: "ttl is" not in browser.text(".verdict"), 20)


# The cluster remembers the other members of these two tests, so they are the last ones.

def test_the_doctors_findings(cluster, browser):
    """The page shows those that it does not show anyhow; they are those of the command."""
    def complaints(findings):
        return {(one["check"], one["text"], one.get("next")) for one in findings if one["grade"] != "ok"}
    node = cluster.replicas()[0]
    browser.open(node)
    patroni = {"state": "running", "role": "replica", "server_version": 100003}   # an old one, with an older server
    with FakeMember("elder", patroni) as elder, elder.beside(node):
        wait_for("the difference", lambda: "PostgreSQL differs: 10.3 on elder" in browser.text(".concerns"), 20)
        assert "finish the update, member by member, the leader last" in browser.text(".concerns")
        browser.press("中文", ".tools")
        wait_for("it in Chinese", lambda: re.search(r"PostgreSQL 的版本不同：.*10\.3 on elder", browser.text(".concerns")), 20)
        assert "逐个成员完成升级，领导者最后" in browser.text(".concerns") and "differs" not in browser.text(".concerns")
        browser.press("English", ".tools")
        told = json.loads(node.api("/tamada/doctor")[1])
        assert (told["cluster"], told["member"]) == ("demo", node.name)
        command = json.loads(cluster.ctl("doctor", "demo", "--json").stdout)
        assert complaints(told["findings"]) == complaints(command["findings"]), (told, command)
        assert {one["check"] for one in command["findings"]} == {one["check"] for one in told["findings"]} >= {"etcd", "pg_rewind"}
    wait_for("its end", lambda: "PostgreSQL differs" not in browser.text(".verdict"), 20)
    assert browser.complaints() == []


def test_a_member_that_does_not_answer_is_not_waited_for(cluster, browser):
    browser.open(cluster.nodes[0])
    with FakeMember("ghost") as silent, silent.beside(cluster.replicas()[0]):
        wait_for("its silence", lambda: "does not answer" in browser.card("ghost"), 15)
        browser.press("Restart PostgreSQL of ghost", "[data-member='ghost']")
        wait_for("the doubt", lambda: "ghost does not answer." in browser.question(), 30)
        browser.submit()
        wait_for("what came of it", lambda: "ghost does not answer, so the request was not sent to it" in browser.question(), 15)
        assert "no answer within 2 s" in browser.question()
        browser.leave()
