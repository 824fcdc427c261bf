#!/usr/bin/python3
"""Compares health checks during the floods of tests/e2e/test_flood.py with those of nginx, a server that does nothing else, on the same
machine. Each flood hits the daemon of a primary and nginx (one worker, a fixed answer) in turn.

    floods.py [--tls] [--seconds 4]

One line for each flood: the milliseconds that a health check took, median and 99th percentile, of the daemon and of nginx.
"""
import argparse
import contextlib
import pathlib
import resource
import subprocess
import sys
import types

import scenarios  # noqa: F401 - puts the tests on the path

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))

import test_flood  # noqa: E402
from harness import Cluster, processes, wait_for  # noqa: E402

CONFIG = """
worker_processes 1;
worker_rlimit_nofile 30000;
pid {root}/nginx.pid;
error_log {root}/nginx.log crit;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    server {{
        listen 127.0.0.1:{port} {tls};
        {certificate}
        location / {{ return 200 "{answer}"; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(node):
    """nginx with the certificate of the node, as far as the floods need a node."""
    root, certificate = node.cluster.root, ""
    if "certfile" in node.config["restapi"]:
        certificate = "ssl_certificate {certfile}; ssl_certificate_key {keyfile};".format(**node.config["restapi"])
    port = node.cluster.ports[19]
    path = pathlib.Path(root) / "nginx.conf"
    path.write_text(CONFIG.format(root=root, port=port, tls="ssl" if certificate else "", certificate=certificate, answer="x" * 1000))
    process = subprocess.Popen(["nginx", "-c", str(path), "-g", "daemon off; user root;"])
    peer = types.SimpleNamespace(api_port=port, checks=lambda: test_flood.Checks(port, node.checks().context))
    try:
        wait_for("nginx", lambda: test_flood.answers(peer), 30)
        yield peer
    finally:
        process.terminate()
        process.wait(20)


def line(kind, results):
    figures = [f"{checks.percentile(0.5) * 1e3:9.1f} {checks.percentile(0.99) * 1e3:9.1f}" for checks in results]
    wrong = sum(len(checks.wrong) for checks in results)
    print(f"{kind:<34}" + "   ".join(figures) + (f"   {wrong} failed" if wrong else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    processes.adopt_orphans()
    with contextlib.ExitStack() as stack:
        node = test_flood.one_node(lambda **given: stack.enter_context(Cluster(**given)), options.tls)
        peer = stack.enter_context(nginx(node))
        print(f"{'':<34}{'daemon, ms':^19}   {'nginx, ms':^19}\n{'':<34}{'p50':>9} {'p99':>9}   {'p50':>9} {'p99':>9}")
        line("at rest", [one.checks().run_for(options.seconds) for one in (node, peer)])
        for (kind, ours), (_, theirs) in zip(test_flood.floods(node), test_flood.floods(peer)):
            results = []
            for one, flood in ((node, ours), (peer, theirs)):
                with flood:
                    results.append(one.checks().run_for(options.seconds))
            line(kind, results)


if __name__ == "__main__":
    main()
