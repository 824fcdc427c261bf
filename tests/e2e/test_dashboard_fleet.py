"""Tests the list of all clusters under one etcd namespace: what it tells, what it costs, and the page that shows it."""
import base64
import concurrent.futures
import json
import re
import time

import pytest
import requests

from harness import wait_for
from harness.cluster import TREE

pytestmark = pytest.mark.tamada

PICTURES = TREE / "build" / "screenshots"
MARKUP = "<img src=x onerror=\"document.title='owned'\">"
SCOPES = [f"c{i:02}" for i in range(49)] + [MARKUP]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def put(etcd, key, value):
    requests.post(f"{etcd.url}/v3/kv/put", json={"key": b64(key), "value": b64(value)}, timeout=5).raise_for_status()


def keys_of(i):
    """The keys of a cluster, most of them without concerns."""
    config, members = {"ttl": 30, "loop_wait": 10}, {}
    for n in range(3):
        members[f"n{n}"] = {"conn_url": f"postgres://10.0.{i}.{n}:5432/postgres", "api_url": f"http://10.0.{i}.{n}:8008/patroni",
                            "state": "running", "role": "replica" if n else "primary", "xlog_location": 90_000_000, "timeline": 1}
    keys = {"initialize": str(7000000000000000000 + i), "leader": "n0", "status": json.dumps({"optime": 90_000_000}),
            "history": json.dumps([[n, 25623960 + n, "no recovery target specified"] for n in range(1, 50)])}
    if i == 7:
        del keys["leader"]
    if i == 13:
        config["pause"] = True
    if i == 21:
        members["n2"]["state"] = "stopped"
    if i == 33:
        members["n1"]["xlog_location"] = 50_000_000
    return {**keys, "config": json.dumps(config), **{f"members/{name}": json.dumps(member) for name, member in members.items()}}


@pytest.fixture
def fleet(cluster):
    """A cluster of three nodes, and the keys of fifty more in the same namespace."""
    for i, scope in enumerate(SCOPES):
        for key, value in keys_of(i).items():
            put(cluster.etcd, f"{cluster.namespace}{scope}/{key}", value)
    put(cluster.etcd, f"{cluster.namespace}no-cluster/note", "of another program")
    yield cluster
    for scope in [*SCOPES, "no-cluster"]:
        cluster.etcd.ctl("del", "--prefix", f"{cluster.namespace}{scope}/")


def clusters(node):
    return requests.get(f"http://127.0.0.1:{node.api_port}/tamada/clusters", timeout=10).json()


def ranges(etcd):
    """How many reads etcd has answered since its start."""
    text = requests.get(f"{etcd.url}/metrics", timeout=5).text
    return int(float(re.search(r'^grpc_server_handled_total\{grpc_code="OK",grpc_method="Range".*\} (\S+)$', text, re.M)[1]))


def slow_turns(node):
    """How often the event loop was more than 100 ms late."""
    text = node.api("/metrics")[1]
    below = int(re.search(r'^tamada_loop_lag_seconds_bucket\{.*le="0.1"\} (\d+)$', text, re.M)[1])
    return int(re.search(r'^tamada_loop_lag_seconds_count\S* (\d+)$', text, re.M)[1]) - below


def test_fifty_clusters(fleet):
    told = wait_for("all", lambda: (t := clusters(fleet.nodes[0])) and len(t["clusters"]) == 51 and t, 15)
    assert told["complete"] and told["scope"] == "demo"
    others = [(c["scope"], c["concerns"]) for c in told["clusters"] if c["scope"] != "demo"]
    assert others[:5] == [("c07", ["no_leader"]), ("c21", ["not_running"]), ("c33", ["behind"]), ("c13", ["paused"]), (MARKUP, [])]
    assert not any(concerns for _, concerns in others[5:])
    demo = next(c for c in told["clusters"] if c["scope"] == "demo")
    assert (demo["leader"], demo["members"], demo["running"]) == (fleet.leader().name, 3, 3)
    assert next(c for c in told["clusters"] if c["scope"] == "c33")["lag"] == 40_000_000
    # The cluster itself changes, too.
    fleet.leader().configure({"pause": True})
    try:
        wait_for("the pause", lambda: "paused" in next(c for c in clusters(fleet.nodes[1])["clusters"] if c["scope"] == "demo")["concerns"], 15)
    finally:
        fleet.leader().configure({"pause": None})


def test_many_who_ask_delay_neither_etcd_nor_the_lease(fleet):
    leader = fleet.leader()
    clusters(leader)
    before, slow, began = ranges(fleet.etcd), slow_turns(leader), time.monotonic()
    lows, asked = [], 0

    def ask_for(seconds):
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            count += len(clusters(leader)["clusters"]) >= 50
        return count
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        askers = [pool.submit(ask_for, 12) for _ in range(16)]
        while not all(asker.done() for asker in askers):
            lows.append(json.loads(leader.api("/tamada/explain")[1])["lease_seconds_left"])
            time.sleep(0.2)   # the pause between two looks
        asked = sum(asker.result() for asker in askers)
    took = time.monotonic() - began
    reads = ranges(fleet.etcd) - before
    print(f"\n{asked} answers in {took:.1f} s, {reads} reads of etcd, lease at least {min(lows):.1f} s, {slow_turns(leader) - slow} slow turns")
    # One look at all clusters takes five reads and comes every five seconds; each member reads once a second by itself.
    assert asked > 50
    assert reads <= 6 * (took / 5 + 2) + 3 * 2 * (took + 2)
    assert min(lows) > 3 and slow_turns(leader) - slow <= 3   # the ttl is 8 s; other programs may delay a turn
    assert fleet.leader() is leader


def shown(browser):
    return [line.get_attribute("data-scope") for line in browser.all(".fleet li")]


def open_fleet(browser, node):
    browser.complaints()
    browser.driver.get("about:blank")
    browser.driver.get(f"http://127.0.0.1:{node.api_port}/ui/#fleet")


def take_pictures(browser, name):
    """Of the page at both widths and in both themes; nothing may be wider than the window."""
    for width in (360, 1280):
        for dark in (False, True):
            browser.look(width, 800, dark)
            assert browser.overflow() <= 0
            browser.window(PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    browser.look()


def test_the_page_shows_the_worst_first(fleet, browser):
    open_fleet(browser, fleet.nodes[0])
    wait_for("all", lambda: len(shown(browser)) == 51, 20)
    assert [scope for scope in shown(browser) if scope != "demo"][:4] == ["c07", "c21", "c33", "c13"]
    assert "no leader" in browser.text("[data-scope=c07]") and "a member does not run" in browser.text("[data-scope=c21]")
    assert "lag 38.1 MB" in browser.text("[data-scope=c33]") and "3 of 3 run" in browser.text("[data-scope=c33]")
    assert re.fullmatch("51 clusters, [45] need attention", browser.text("#fleet"))
    assert browser.run("return document.querySelector('[data-scope=c33] a').href") == "http://10.0.33.0:8008/ui/"
    assert MARKUP in shown(browser) and browser.run("return document.querySelectorAll('main img').length") == 0
    take_pictures(browser, "fleet")
    put(fleet.etcd, f"{fleet.namespace}c07/leader", "n1")
    wait_for("its new leader", lambda: "n1 leads" in browser.text("[data-scope=c07]") and shown(browser)[0] == "c21", 15)
    browser.fill(".fleet input", "C3")
    wait_for("the choice", lambda: len(shown(browser)) == 10 and "c33" in shown(browser), 30)
    browser.all(".language")[0].click()
    wait_for("the language", lambda: "有备库落后过多" in browser.text("[data-scope=c33]"), 30)
    browser.all(".language")[0].click()
    browser.fill(".fleet input", "demo")
    wait_for("its own cluster", lambda: shown(browser) == ["demo"], 30)
    browser.all("[data-scope=demo] a")[0].click()
    wait_for("the page of the cluster", lambda: browser.text("#verdict") == f"{fleet.leader()} leads", 15)
    browser.run("[...document.querySelectorAll('header a')].find(a => a.textContent === 'All clusters').click()")
    wait_for("all clusters again", lambda: len(shown(browser)) == 51, 15)
    assert browser.driver.title != "owned" and browser.complaints() == []


@pytest.fixture
def neighbours(cluster):
    """A cluster of three nodes, and the keys of clusters in two other namespaces, one of which has a cluster of the same name."""
    places = {"/teams/blue/demo": 1, "/teams/blue/orders": 7, "/archive/old": 2}
    for place, i in places.items():
        for key, value in keys_of(i).items():
            put(cluster.etcd, f"{place}/{key}", value)
    put(cluster.etcd, "/registry/configmaps/config", "of another program")
    yield cluster
    for place in [*places, "/registry"]:
        cluster.etcd.ctl("del", "--prefix", f"{place}/")


def places(browser):
    return [(line.get_attribute("data-namespace"), line.get_attribute("data-scope")) for line in browser.all(".fleet li")]


def test_clusters_of_other_namespaces(neighbours, browser):
    own = neighbours.namespace
    plain = clusters(neighbours.nodes[0])
    assert [line["scope"] for line in plain["clusters"]] == ["demo"] and "namespace" not in plain
    open_fleet(browser, neighbours.nodes[0])
    wait_for("all", lambda: places(browser) == [("/teams/blue/", "orders"), *sorted([("/teams/blue/", "demo"), (own, "demo")]), ("/archive/", "old")], 20)
    assert "/teams/blue/" in browser.text("[data-scope=orders]") and "no leader" in browser.text("[data-scope=orders]")
    assert "(this page's)" in browser.text(f"[data-namespace='{own}']") and browser.text(".fleet").count("(this page's)") == 1
    assert browser.run("return document.querySelector('[data-scope=old] a').href") == "http://10.0.2.0:8008/ui/"
    take_pictures(browser, "namespaces")
    browser.fill(".fleet input", "blue")
    wait_for("the choice", lambda: {place for place, _ in places(browser)} == {"/teams/blue/"}, 30)
    assert browser.complaints() == []


@pytest.fixture
def nested(cluster):
    """A cluster of three nodes, and the keys of clusters in a namespace within theirs."""
    own = cluster.namespace
    places = {f"{own}prod/demo": 1, f"{own}prod/orders": 7, f"{own}prod": 2}
    for place, i in places.items():
        for key, value in keys_of(i).items():
            put(cluster.etcd, f"{place}/{key}", value)
    yield cluster, {(place[:place.rindex("/") + 1], place[place.rindex("/") + 1:]) for place in places} | {(own, "demo")}
    for place in places:
        cluster.etcd.ctl("del", "--prefix", f"{place}/")


def test_a_namespace_within_another(nested, browser):
    """The cluster `prod`, and the namespace `prod`, are not mistaken for each other."""
    cluster, expected = nested
    open_fleet(browser, cluster.nodes[0])
    wait_for("all", lambda: set(shown := places(browser)) == expected and len(shown) == len(expected), 20)
    assert places(browser)[0] == (f"{cluster.namespace}prod/", "orders")   # it has no leader
    for namespace, scope in expected:
        assert "3 of 3 run" in browser.text(f"[data-namespace='{namespace}'][data-scope='{scope}']")
    assert browser.text(".fleet").count("(this page's)") == 1
    assert "(this page's)" in browser.text(f"[data-namespace='{cluster.namespace}'][data-scope=demo]")
    assert [line["scope"] for line in clusters(cluster.nodes[0])["clusters"]] == ["demo", "prod"]
    assert cluster.leader().api("/cluster")[1].count('"name"') == 3
    take_pictures(browser, "nested")
    assert browser.complaints() == []


def test_a_role_of_etcd_for_the_own_namespace_only(cluster, browser):
    """etcd lets the nodes read their own namespace only, so the page shows that one, and says so."""
    answer = {"scope": "demo", "namespace": cluster.namespace, "complete": True, "other_namespaces": "etcd: permission denied",
              "clusters": [{**clusters(cluster.nodes[0])["clusters"][0], "namespace": cluster.namespace}]}
    browser.open(cluster.nodes[0])
    browser.run("window.fetch = () => Promise.resolve(new Response(arguments[0]))", json.dumps(answer))
    browser.run("location.hash = '#fleet'")
    wait_for("the reason", lambda: f"Only clusters of the namespace {cluster.namespace}" in browser.text(".fleet")
             and "permission denied" in browser.text(".fleet"), 20)
    assert shown(browser) == ["demo"] and not browser.all(".fleet .namespace")
