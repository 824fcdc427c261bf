"""Which clients may change something over REST: passwords, certificates and addresses. A reload applies changes of these settings."""
import os
import signal
import socket
import ssl

import pytest
import requests
import yaml

from authority import Authority
from harness import wait_for


@pytest.fixture
def node(new_cluster):
    cluster = new_cluster(n=1)
    cluster.ca = Authority(cluster.root)
    only = cluster.nodes[0]
    only.config["restapi"] |= {"certfile": cluster.ca.path("server.crt"), "keyfile": cluster.ca.path("server.key"),
                               "cafile": cluster.ca.path("ca.crt"), "verify_client": "optional",
                               "authentication": {"username": "admin", "password": "secret"},
                               "http_extra_headers": {"X-Site": "one"}, "https_extra_headers": {"X-Tls": "yes"},
                               "server_tokens": "ProductOnly"}
    cluster.etcd.start()
    only.start()
    wait_for("a primary", lambda: ask(only, "GET", "/primary").status_code == 200, 60)
    return only


def ask(node, method, path, certificate=False, **more):
    ca = node.cluster.ca
    return requests.request(method, f"https://127.0.0.1:{node.api_port}{path}", verify=ca.path("ca.crt"), timeout=5,
                            cert=(ca.path("client.crt"), ca.path("client.key")) if certificate else None, **more)


def said(answer):
    return answer.status_code, answer.text


def serial(node):
    """The serial number of the certificate that the node presents."""
    context = ssl.create_default_context(cafile=node.cluster.ca.path("ca.crt"))
    with socket.create_connection(("127.0.0.1", node.api_port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            return tls.getpeercert()["serialNumber"]


def reload(node, **restapi):
    node.config["restapi"] |= restapi
    with open(node.config_file, "w") as f:
        yaml.safe_dump(node.config, f, sort_keys=False)
    node.signal(signal.SIGHUP)


def test_access(node):
    login = {"auth": ("admin", "secret")}
    # Everybody may read. A change needs the certificate and then the password.
    answer = ask(node, "GET", "/patroni")
    assert answer.status_code == 200
    assert (answer.headers["X-Site"], answer.headers["X-Tls"], answer.headers["Server"]) == ("one", "yes", "Patroni")
    assert said(ask(node, "POST", "/reload", **login)) == (403, "client certificate required")
    assert said(ask(node, "POST", "/reload", certificate=True)) == (401, "no auth header received")
    assert said(ask(node, "POST", "/reload", certificate=True, auth=("admin", "wrong"))) == (401, "not authenticated")
    assert said(ask(node, "POST", "/reload", certificate=True, **login)) == (202, "reload scheduled")

    # The same holds for requests that this node would pass on, or that name itself by the way of another.
    for method, path in (("POST", "restart"), ("DELETE", "restart"), ("POST", "reload"), ("POST", "reinitialize")):
        for member in (node.name, "nosuch"):
            about = f"/tamada/{path}?member={member}"
            assert said(ask(node, method, about, **login)) == (403, "client certificate required")
            assert said(ask(node, method, about, certificate=True)) == (401, "no auth header received")
            assert said(ask(node, method, about, certificate=True, auth=("admin", "wrong"))) == (401, "not authenticated")
            foreign = ask(node, method, about, certificate=True, headers={"Origin": "https://evil.example"}, **login)
            assert said(foreign) == (403, "A page of another site may not change anything here")
        assert ask(node, method, about, certificate=True, **login).status_code == 404
    assert said(ask(node, "POST", f"/tamada/reload?member={node}", certificate=True, **login)) == (202, "reload scheduled")

    # The certificate is renewed in place.
    before = serial(node)
    node.cluster.ca.issue("server")
    node.signal(signal.SIGHUP)
    wait_for("the new certificate", lambda: serial(node) != before, 20)

    # An unusable certificate leaves the previous one in use.
    now = serial(node)
    reload(node, certfile="/nowhere/server.crt")
    wait_for("the complaint", lambda: "the REST API goes on as before" in node.log(), 20)
    assert serial(node) == now
    reload(node, certfile=node.cluster.ca.path("server.crt"), verify_client="required", allowlist=["127.0.0.0/30"])

    def refused():
        try:
            ask(node, "GET", "/primary")
        except requests.exceptions.Timeout:   # one of its kinds is a ConnectionError, too
            raise
        except requests.exceptions.ConnectionError:
            return True
    wait_for("a certificate to be required", refused, 20)
    assert ask(node, "GET", "/primary", certificate=True).status_code == 200
    assert said(ask(node, "POST", "/reload", certificate=True, **login)) == (202, "reload scheduled")

    reload(node, allowlist=["10.0.0.0/8"], verify_client="none")
    wait_for("the list", lambda: said(ask(node, "POST", "/reload", **login)) == (403, "Access is denied"), 20)
    reload(node, allowlist_include_members=True)
    wait_for("members to be let in", lambda: said(ask(node, "POST", "/reload", **login)) == (202, "reload scheduled"), 20)


def test_a_request_is_passed_on_over_tls(new_cluster):
    """The member that gets the request sees the certificate of the node that passes it on, and judges the caller's password itself."""
    cluster = new_cluster(n=2)
    cluster.ca = Authority(cluster.root)
    for node in cluster.nodes:
        node.config["restapi"] |= {"certfile": cluster.ca.path("server.crt"), "keyfile": cluster.ca.path("server.key"),
                                   "cafile": cluster.ca.path("ca.crt"), "verify_client": "required",
                                   "authentication": {"username": "admin", "password": node.name}}
    cluster.etcd.start()
    for node in cluster.nodes:
        node.start()
        wait_for("its server", lambda node=node: ask(node, "GET", "/readiness", certificate=True).status_code == 200, 60)
    here, there = cluster.nodes
    wait_for("the other's key", lambda: there.name in ask(here, "GET", "/cluster", certificate=True).text, 20)

    def reload(**more):
        return said(ask(here, "POST", f"/tamada/reload?member={there}", certificate=True, **more))
    before = there.log().count("reload")
    assert reload(auth=("admin", there.name)) == (401, "not authenticated")   # this node's password is another one
    assert reload(auth=("admin", here.name)) == (401, "not authenticated")    # this is what the other member says
    assert there.log().count("reload") == before
    there.config["restapi"]["authentication"]["password"] = here.name
    with open(there.config_file, "w") as f:
        yaml.safe_dump(there.config, f, sort_keys=False)
    there.signal(signal.SIGHUP)
    wait_for("one password", lambda: reload(auth=("admin", here.name)) == (202, "reload scheduled"), 20)


def test_insecure_beside_a_certificate_leaves_out_only_the_name(node):
    """Patroni's rule for -k: if the command has a client certificate, it still verifies who signed the server's."""
    cluster = node.cluster
    cluster.ca.issue("elsewhere", "DNS:elsewhere")
    reload(node, certfile=cluster.ca.path("elsewhere.crt"), keyfile=cluster.ca.path("elsewhere.key"))

    def another_name():
        try:
            ask(node, "GET", "/primary")
        except requests.exceptions.SSLError:
            return True
    wait_for("the certificate of another name", another_name, 20)

    other = os.path.join(cluster.root, "other")
    os.mkdir(other)
    Authority(other)
    own = {"certfile": cluster.ca.path("client.crt"), "keyfile": cluster.ca.path("client.key")}
    for ctl, option, reached in ((own, [], False), (own, ["-k"], True), (own | {"cacert": f"{other}/ca.crt"}, ["-k"], False),
                                 ({"cacert": f"{other}/ca.crt"}, ["-k"], True)):
        node.config["ctl"] = ctl
        with open(node.config_file, "w") as f:
            yaml.safe_dump(node.config, f, sort_keys=False)
        done = cluster.ctl(*option, "reload", "demo", node.name, "--force")
        answered = "Reload request received" in done.stdout or "client certificate required" in done.stdout
        assert answered is reached, (ctl, option, done.stdout, done.stderr)
