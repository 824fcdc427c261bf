"""Tests the dashboard of a real cluster in a browser: what it shows, that it shows changes at once, and that no script from outside
runs in it."""
import json
import re
import signal
import threading

import pytest
import requests

from harness import processes, wait_for
from harness.cluster import TREE
from test_dashboard_words import untranslated

pytestmark = pytest.mark.tamada

PICTURES = TREE / "build" / "screenshots"


def get(node, path, **more):
    return requests.get(f"http://127.0.0.1:{node.api_port}{path}", timeout=5, **more)


def leader_shown(browser):
    found = re.fullmatch(r"(\w+) leads", browser.text("#verdict"))
    return found and found[1]


def wait_leader_shown(browser, node, timeout=15):
    wait_for(f"{node} to be shown as the leader", lambda: leader_shown(browser) == node.name, timeout)


def tellers(browser):
    """The texts of the events that are shown."""
    return set(", ".join(browser.run("return [...document.querySelectorAll('.events .of')].map(of => of.textContent)")).split(", "))


def test_one_look(cluster, browser):
    """The page of each member shows which member leads, which may take over, and from which each one receives WAL."""
    leader, replicas = cluster.leader(), cluster.replicas()
    browser.look()
    for node in cluster.nodes:
        browser.open(node)
        assert leader_shown(browser) == leader.name
        wait_for("both to be ready", lambda: browser.text(".verdict") .endswith(f"{replicas[0]}, {replicas[1]} may take over"), 20)
        assert re.search(r"its lease ends in \d+ s", browser.text(".verdict"))
        assert len(browser.all(".tree .leads")) == 1 and len(browser.all(".tree .follows")) == 2
        assert len(browser.all(".tree .edge.streams")) == 2
        for replica in replicas:
            assert "may take over if the leader fails" in browser.card(replica)
        assert "this page's daemon" in browser.card(node)
        assert browser.run("return [...document.querySelectorAll('.where a')].map(a => a.href)") == [
            f"http://127.0.0.1:{other.api_port}/ui/" for other in cluster.nodes if other is not node]
        wait_for("all to tell what happened", lambda: tellers(browser) == {n.name for n in cluster.nodes}, 15)
    assert browser.complaints() == []


def test_headers(cluster):
    node = cluster.nodes[0]
    for path in ("/ui/", "/ui/app.js", "/ui/chinese.js", "/ui/style.css", "/ui/nosuch"):
        answer = get(node, path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (answer.status_code, answer.headers.get("Content-Encoding")) == ((404, None) if "nosuch" in path else (200, "gzip"))
    assert get(node, "/ui", allow_redirects=False).headers["Location"] == "ui/"
    assert requests.head(f"http://127.0.0.1:{node.api_port}/ui/", timeout=5).status_code == 200


def test_a_switchover_shows_as_it_happens(cluster, browser):
    old, (new, watcher) = cluster.leader(), cluster.replicas()
    browser.open(watcher)
    wait_leader_shown(browser, old)
    move = threading.Thread(target=old.api, args=("/switchover", "POST", {"leader": old.name, "candidate": new.name}, 60))
    move.start()
    wait_leader_shown(browser, new)
    move.join()
    assert browser.text("[aria-live]") == f"{new} leads now"
    # The old leader has seen most phases of the switchover, so its report replaces those of the others.
    change = wait_for("its phases", lambda: (t := browser.text(".changes li")) and re.search(r"stop \d+ ms.*hand-over \d+ ms.*promote \d+ ms", t, re.S) and t, 15)
    assert "switchover" in change and f"{old} → {new}" in change and "no primary for" in change, change
    assert wait_for("it to be among the events", lambda: f"{new} holds the leader key" in browser.text(".events"), 30)
    wait_for("the old leader to follow", lambda: len(browser.all(".tree .edge.streams")) == 2, 30)
    # Events that the filter excludes are not shown.
    browser.run("document.querySelector('.filters input').focus()")
    browser.driver.switch_to.active_element.send_keys("holds the leader key")
    wait_for("the choice", lambda: (texts := [e.text for e in browser.all(".events .what")]) and all("holds the leader key" in t for t in texts), 30)


def test_the_daemon_sends_changes_without_being_asked(cluster, browser):
    """After the stream has begun, every further request of the page is kept from the daemon."""
    old, (new, watcher) = cluster.leader(), cluster.replicas()
    browser.open(watcher)
    wait_leader_shown(browser, old)
    # What happens now can reach the page by the stream only, because it learns of nothing else.
    status, text = old.api("/config", "PATCH", {"pause": True})
    assert status == 200, text
    wait_for("the pause to be shown", lambda: "paused" in browser.text(".verdict"), 30)
    browser.run("window.asked = []; window.fetch = (path) => (window.asked.push(path), new Promise(() => {}))")
    status, text = old.api("/config", "PATCH", {"pause": None})
    assert status == 200, text
    wait_for("the resumption to be shown", lambda: "paused" not in browser.text(".verdict"), 30)
    assert not [path for path in browser.run("return window.asked") if path.endswith("/stream")], "the stream has ended"
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert status == 200, text
    wait_leader_shown(browser, new, 30)
    wait_for("the event", lambda: f"{new} holds the leader key" in browser.text(".events"), 30)
    cluster.wait_healthy(60)


def switch_over(cluster):
    old, (new, _) = cluster.leader(), cluster.replicas()
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert status == 200, text
    cluster.wait_healthy(60)


def place(browser, node):
    """Where the member's box is in the picture."""
    return browser.run("const at = document.querySelector(arguments[0]); return [at, at.firstElementChild].map(one => getComputedStyle(one).transform)",
                       f"[data-box='{node}']")


def movements(browser):
    """(member, property) of each transition of the boxes that has begun; of the halo, which flashes, "flash"."""
    return [tuple(one) for one in browser.run("return window.begun")]


def note_movements(browser):
    browser.run("""
        window.begun = [];
        document.querySelector('.tree').addEventListener('transitionrun', (event) => {
          const box = event.target.closest('[data-box]');
          if (box) window.begun.push([box.dataset.box, event.target.matches('.halo') && event.propertyName === 'opacity' ? 'flash' : event.propertyName]);
        });""")


@pytest.mark.parametrize("still", [False, True], ids=["moves", "reduced-motion"])
def test_a_change_of_the_leader_is_a_movement(cluster, browser, still):
    old, (new, watcher) = cluster.leader(), cluster.replicas()
    browser.look(still=still)
    try:
        browser.open(watcher)
        wait_for("the tree", lambda: len(browser.all(".tree .edge.streams")) == 2, 30)
        boxes = {node: browser.all(f"[data-box='{node}']")[0] for node in cluster.nodes}
        before = {node: place(browser, node) for node in cluster.nodes}
        note_movements(browser)
        switch_over(cluster)
        wait_leader_shown(browser, new)
        wait_for("it to be at the top", lambda: place(browser, new) == before[old], 30)
        wait_for("the old leader to be below", lambda: len(browser.all(".tree .edge.streams")) == 2 and place(browser, old) in (before[new], before[watcher]), 30)
        for node, box in boxes.items():   # the same elements, as others could not move
            assert browser.run("return arguments[0].isConnected && arguments[0].dataset.box", box) == node.name
        begun = movements(browser)
        if still:
            assert begun == []
        else:
            assert {(old.name, "transform"), (new.name, "transform")} <= set(begun), begun
            assert [name for name, what in begun if what == "flash"] == [new.name]
    finally:
        browser.look()
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pictures(cluster, browser, width, dark):
    browser.look(width, 800, dark)
    try:
        browser.open(cluster.leader())
        if not browser.all(".changes li"):   # if only this file's tests run
            switch_over(cluster)
        wait_for("all to be shown", lambda: browser.all(".changes .bar") and "may take over" in browser.text(".verdict") and len(browser.all(".tree .edge.streams")) == 2
                 and len(tellers(browser)) == 3 and len(re.findall(r"\b0 B\b", browser.text(".tree"))) == 2, 40)
        wait_for("the plots", lambda: all(plot(browser, column)[0] for column in ("receive_lag", "replay_lag", "wal_per_s", "dcs_ms", "loop_lag_ms")), 60)
        assert browser.overflow() <= 0
        assert browser.run("return [...document.querySelectorAll('.edge')].map(edge => getComputedStyle(edge).opacity)") == ["1", "1"]
        back = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 380) == dark
        name = f"{width}-{'dark' if dark else 'light'}"
        browser.picture(1200 if width > 600 else 1800, PICTURES / f"cluster-{name}.png")
        browser.press("Switch over", ".card")
        browser.window(PICTURES / f"question-{name}.png")
    finally:
        browser.look()


def test_a_crash_shows_as_it_happens(cluster, browser):
    leader, (watcher, _) = cluster.leader(), cluster.replicas()
    browser.open(watcher)
    wait_leader_shown(browser, leader)
    wait_for("what the leader tells", lambda: leader.name in tellers(browser), 15)
    leader.kill_postgres()
    wait_for("the crash", lambda: any(leader.name in e.text and ("PostgreSQL is crashed" in e.text or "PostgreSQL is start" in e.text)
                                      for e in browser.all(".events .type-state")), 20)


def test_a_member_that_does_not_answer(cluster, browser):
    leader, (lost, watcher) = cluster.leader(), cluster.replicas()
    browser.open(watcher)
    wait_leader_shown(browser, leader)
    lost.lose()
    wait_for("its silence", lambda: "does not answer" in browser.card(lost), 15)
    assert len(browser.all(".tree .lost")) == 1
    assert f"{lost} may take over" not in browser.text(".verdict")
    # The member's key ends with its lease, but the leader remembers the member.
    wait_for("its end", lambda: "has been gone since" in browser.card(lost), 40)
    lost.start()
    wait_for("its return", lambda: "may take over if the leader fails" in browser.card(lost), 60)
    assert browser.complaints() == []


def plot(browser, column):
    """The lines of a plot, and the text of its legend."""
    return len(browser.all(f"[data-plot={column}] .plot .line")), browser.text(f"[data-plot={column}] .legend")


def test_the_last_hour(cluster, browser):
    leader, (late, watcher) = cluster.leader(), cluster.replicas()
    late.sql("SELECT pg_wal_replay_pause()")
    try:
        leader.sql("CREATE TABLE last_hour AS SELECT g FROM generate_series(1, 100000) g")

        def replay_lags():
            told = get(late, "/tamada/samples").json()
            return [row[told["columns"].index("replay_lag")] or 0 for row in told["samples"]]
        wait_for("the lag to be measured", lambda: max(replay_lags(), default=0) > 1 << 20, 40)
        browser.open(watcher)
        wait_for("the plots", lambda: plot(browser, "replay_lag")[0] >= 2 and re.search(rf"{late} .*MB", plot(browser, "replay_lag")[1]), 30)
        wait_for("all to be measured", lambda: plot(browser, "wal_per_s")[0] >= 1 and [plot(browser, c)[0] for c in ("dcs_ms", "loop_lag_ms")] == [3, 3], 30)
        assert f"{leader} " in plot(browser, "wal_per_s")[1] and "/s" in plot(browser, "wal_per_s")[1]
        assert re.search(r"\d ms", plot(browser, "dcs_ms")[1]) and re.search(r"\d ms", plot(browser, "loop_lag_ms")[1])
        for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
            browser.look(width, 800, dark)
            assert browser.overflow() <= 0
            browser.run("document.querySelector('.measured').scrollIntoView()")
            browser.window(PICTURES / f"plots-{width}-{'dark' if dark else 'light'}.png")
        # The values of a moment at which nothing was measured yet.
        browser.run("document.querySelector('.moment input').focus()")
        browser.driver.switch_to.active_element.send_keys("\ue011")   # Home
        wait_for("that moment", lambda: all(plot(browser, c)[1].count("not known") == 3 for c in ("dcs_ms", "loop_lag_ms")), 30)
        assert re.fullmatch(r"\d\d:\d\d:\d\d", browser.text(".moment output"))
    finally:
        browser.look()
        late.sql("SELECT pg_wal_replay_resume()")
        leader.sql("DROP TABLE IF EXISTS last_hour")
    assert browser.complaints() == []


def test_the_page_tells_when_its_daemon_is_silent(cluster, browser):
    node = cluster.replicas()[0]
    browser.open(node)
    assert not browser.all("[role=alert]")
    node.signal(signal.SIGSTOP)
    try:
        wait_for("the alarm", lambda: "has not answered since" in browser.text("[role=alert]"), 20)
    finally:
        node.signal(signal.SIGCONT)
    wait_for("the all-clear", lambda: not browser.all("[role=alert]"), 20)


def test_a_hidden_page_asks_nothing(cluster, browser):
    browser.open(cluster.nodes[0])

    def show(state):
        browser.run("Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => arguments[0]});"
                    "document.dispatchEvent(new Event('visibilitychange'));", state)

    def asked():
        return browser.run("return performance.getEntriesByType('resource').length")
    before = asked()
    wait_for("it to ask", lambda: asked() > before, 30)
    show("hidden")
    calm = wait_for("what was under way", lambda: asked() == asked() and asked(), 30)
    browser.driver.set_script_timeout(10)
    browser.driver.execute_async_script("setTimeout(arguments[0], 2500)")
    assert asked() - calm <= 1   # a request that had begun before may have ended meanwhile
    show("visible")
    wait_for("it to ask again", lambda: asked() > calm + 2, 30)


MARKUP = "<img src=x onerror=\"document.title='owned'\">"


def test_markup_is_text(cluster, browser):
    """A member's name, and the texts that it publishes, can contain anything."""
    key = cluster.prefix + "members/" + MARKUP
    member = {"conn_url": "postgres://127.0.0.1:1/postgres", "api_url": "javascript:document.title='owned'//", "state": MARKUP, "role": MARKUP,
              "tags": {MARKUP: MARKUP, "nofailover": True}, "trouble": MARKUP, "pending_restart": True,
              "pending_restart_reason": {MARKUP: {"old_value": MARKUP, "new_value": MARKUP}}}
    cluster.etcd.ctl("put", key, json.dumps(member))
    try:
        browser.open(cluster.leader())
        shown = wait_for("the member", lambda: next((c.text for c in browser.all(".card") if "<img" in c.text), None), 15)
        assert shown.count(MARKUP) >= 6, shown
        assert browser.run("return document.querySelectorAll('main img').length") == 0
        assert not [a for a in browser.all(".card a") if a.get_attribute("href").startswith("javascript")]
        assert browser.driver.title != "owned" and browser.complaints() == []
    finally:
        cluster.etcd.ctl("del", key)
    # If the leader has noted the member, it is reported as missing for a day.
    wait_for("its end", lambda: all("has been gone since" in card.text for card in browser.all(".card") if "<img" in card.text), 15)


def told_by_daemons(browser):
    """(text, the original that appears when the pointer rests on it) of everything that a daemon tells of members whose names are words"""
    told = browser.run("return [...document.querySelectorAll('.told')].map(one => [one.textContent, one.title])")
    return [(text, english) for text, english in told if MARKUP not in text]


def scripts_loaded(browser):
    """{name: bytes on the network}"""
    return {entry[0].rsplit("/", 1)[1]: entry[1] for entry in browser.run(
        "return performance.getEntriesByType('resource').filter(one => one.name.endsWith('.js')).map(one => [one.name, one.encodedBodySize])")}


def test_in_chinese(cluster, browser):
    browser.open(cluster.nodes[0])
    assert set(loaded := scripts_loaded(browser)) == {"app.js"}, "an English page has no use for the Chinese texts"
    browser.all(".language")[0].click()
    wait_for("the Chinese texts", lambda: "chinese.js" in scripts_loaded(browser), 30)
    print(f"\nbytes on the network: {loaded} in English, {scripts_loaded(browser)} in Chinese")
    wait_for("the language", lambda: "是领导者" in browser.text("#verdict"), 30)
    assert browser.run("return document.documentElement.lang") == "zh"
    browser.run("document.querySelector('.filters select').value = '0'; document.querySelector('.filters select').dispatchEvent(new Event('change', {bubbles: true}))")
    told = wait_for("the events", lambda: len(found := told_by_daemons(browser)) > 30 and found, 30)
    assert all(english for _, english in told), [text for text, english in told if not english]
    said = {english: chinese for chinese, english in told}
    assert not untranslated(said, said.values())
    browser.run("document.querySelectorAll('.card details').forEach(one => { one.open = true })")
    try:
        for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
            name = f"{width}-{'dark' if dark else 'light'}"
            browser.look(width, 800, dark, still=True)   # or the colours would still be changing
            assert browser.overflow() <= 0
            browser.picture(1800 if width > 600 else 2200, PICTURES / f"chinese-{name}.png")
            # On top of the page, a question.
            browser.press("重新复制", ".card")
            wait_for("the sizes", lambda: browser.question().count(" MB 数据") == 2, 60)
            assert browser.overflow() <= 0
            browser.window(PICTURES / f"chinese-copy-{name}.png")
            browser.leave()
            # And below it, the English originals.
            browser.run("document.querySelectorAll('.events .told[role]').forEach(one => one.click())")
            browser.run("document.querySelector('.happened').scrollIntoView()")
            assert browser.overflow() <= 0 and len(originals(browser)) > 10
            browser.window(PICTURES / f"chinese-events-{name}.png")
            browser.run("document.querySelectorAll('.events .told[role]').forEach(one => one.click())")
            browser.run("scrollTo(0, 0)")
    finally:
        browser.look()
    browser.all(".language")[0].click()
    wait_for("the other", lambda: leader_shown(browser), 30)


def originals(browser):
    return browser.run("return [...document.querySelectorAll('.original')].map(one => [one.previousSibling.title, one.textContent, one.lang])")


def test_the_english_original_by_keyboard_and_by_touch(cluster, browser):
    """It appears as a text, and not only where a pointer rests."""
    browser.look(360, 800)
    try:
        browser.open(cluster.nodes[0])
        assert not browser.all(".told[role]"), "an English page translates nothing"
        browser.all(".language")[0].click()
        said = f"[data-member='{cluster.leader()}'] dd .told[role=button]"
        wait_for("a translated text", lambda: browser.all(said), 30)
        assert browser.run("return document.querySelector(arguments[0]).getAttribute('aria-expanded')", said) == "false" and not originals(browser)
        browser.run("document.querySelector(arguments[0]).focus()", said)   # as the key Tab does; see tabIndex
        assert browser.run("return document.activeElement === document.querySelector(arguments[0]) && document.activeElement.tabIndex", said) == 0
        browser.driver.switch_to.active_element.send_keys("\ue007")   # Enter
        (english, shown, language), = wait_for("the original", lambda: originals(browser), 30)
        assert shown == english and language == "en" and "the leader with the lock" in english
        assert browser.run("return document.querySelector(arguments[0]).getAttribute('aria-expanded')", said) == "true"
        assert browser.overflow() <= 0
        browser.driver.switch_to.active_element.send_keys(" ")
        wait_for("it to go", lambda: not originals(browser), 30)
        browser.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", said)
        where = browser.run("const box = document.querySelector(arguments[0]).getClientRects()[0]; return [box.left + box.width / 2, box.top + box.height / 2]", said)
        browser.touch(*where)
        wait_for("the original again", lambda: originals(browser), 30)
        browser.touch(*where)
        wait_for("it to go", lambda: not originals(browser), 30)
        assert browser.complaints() == []
    finally:
        browser.look()


def test_a_chinese_browser_gets_chinese_at_once(cluster, browser):
    browser.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": browser.run("return navigator.userAgent"), "acceptLanguage": "zh-CN"})
    try:
        browser.open(cluster.nodes[0])
        assert browser.text("#verdict") == f"{cluster.leader()} 是领导者"
        assert set(scripts_loaded(browser)) == {"app.js", "chinese.js"} and browser.complaints() == []
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": browser.run("return navigator.userAgent"), "acceptLanguage": "en-US"})


def rss_kb(node):
    with open(f"/proc/{node.proc.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def test_off(cluster):
    node = cluster.replicas()[0]
    node.configure_rest(ui=False)
    try:
        wait_for("it to be off", lambda: get(node, "/ui/").status_code == 404, 30)
        assert get(node, "/cluster").status_code == 200
    finally:
        node.configure_rest(ui=None)
    wait_for("it to be on", lambda: get(node, "/ui/").status_code == 200, 30)


@pytest.mark.skipif(processes.sanitized(), reason="a sanitizer's memory")
def test_memory(cluster, browser):
    """Compares the memory of a daemon before and after many requests of the dashboard."""
    node = cluster.replicas()[1]
    browser.driver.get("about:blank")
    before = rss_kb(node)
    for _ in range(30):
        for path in ("/ui/", "/ui/app.js", "/ui/chinese.js", "/ui/style.css", "/cluster", "/tamada/members", "/tamada/members/samples",
                     "/tamada/events?newest=1000"):
            assert get(node, path).status_code == 200
    after = rss_kb(node)
    print(f"\nRSS {before} kB before, {after} kB after")
    assert after - before < 2048
