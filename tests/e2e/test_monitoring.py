"""A real Prometheus, set up by deploy/playbooks/monitoring.yml, watches a cluster by the rules and the dashboard of deploy/monitoring."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml

from harness import processes, wait_for

TREE = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TREE / "deploy" / "monitoring"
# Like the configuration in Debian's package, but with shorter intervals.
PROMETHEUS = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  # - "first_rules.yml"
scrape_configs:
  - job_name: 'prometheus'
    static_configs:
      - targets: ['127.0.0.1:{port}']
"""
pytestmark = [pytest.mark.tamada, pytest.mark.skipif(not all(map(shutil.which, ("prometheus", "promtool", "ansible-playbook"))),
                                                     reason="prometheus or ansible-playbook is not installed")]


def play(cluster, *words):
    """Runs monitoring.yml on this machine, with folders of the test. Returns its exit status and output."""
    root = pathlib.Path(cluster.root)
    nodes = "\n".join(f"{n} ansible_host=127.0.0.1 REST_API_PORT={n.api_port}" for n in cluster.nodes)
    (root / "hosts.ini").write_text(f"[a1]\n{nodes}\n[a1:vars]\nPG_CLUSTER_NAME={cluster.scope}\n[a1_monitoring]\nwatcher\n[a1_monitoring:vars]\n"
                                    "ansible_connection=local\nansible_become=false\nansible_python_interpreter=/usr/bin/python3\n"
                                    f"PROMETHEUS_FOLDER={root}/prometheus\nPROMETHEUS_SERVICE=\nPROMETHEUS_SCRAPE_INTERVAL=1s\n"
                                    f"GRAFANA_FOLDER={root}/grafana\nGRAFANA_DASHBOARDS={root}/dashboards\nGRAFANA_SERVICE=\n")
    env = dict(os.environ, ANSIBLE_CONFIG=str(TREE / "deploy" / "ansible.cfg"), ANSIBLE_NOCOLOR="1", ANSIBLE_LOCAL_TEMP=f"{root}/ansible",
               ANSIBLE_REMOTE_TEMP=f"{root}/ansible")
    done = subprocess.run(["ansible-playbook", "playbooks/monitoring.yml", "-i", root / "hosts.ini", "-e", "server_name=a1", *words],
                          cwd=TREE / "deploy", env=env, capture_output=True, text=True, timeout=180)
    return done.returncode, done.stdout + done.stderr


def changed(cluster, *words):
    code, said = play(cluster, *words)
    assert code == 0, said
    return sum(map(int, re.findall(r"changed=(\d+)", said)))


class Prometheus:
    def __init__(self, cluster):
        self.port, self.folder = cluster.ports[19], pathlib.Path(cluster.root) / "prometheus"
        with open(f"{cluster.root}/prometheus.log", "a") as log:
            self.proc = processes.spawn(["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={cluster.root}/tsdb",
                                         f"--web.listen-address=127.0.0.1:{self.port}"], log, cluster.root)

    def get(self, path, **query):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def ask(self, expression):
        """[(labels, value)]"""
        return [(one["metric"], float(one["value"][1])) for one in self.get("query", query=expression)["result"]]

    def end(self):
        self.proc.terminate()
        self.proc.wait(30)


@pytest.fixture
def prometheus(cluster):
    root = pathlib.Path(cluster.root)
    for folder in ("prometheus", "grafana"):
        (root / folder).mkdir(exist_ok=True)
    (root / "prometheus" / "prometheus.yml").write_text(PROMETHEUS.format(port=cluster.ports[19]))
    assert changed(cluster, "-C") > 0 and not (root / "prometheus" / "rules").exists(), "a dry run changes nothing"
    assert changed(cluster) > 0
    assert changed(cluster) == 0, "a second run changes nothing"
    watching = Prometheus(cluster)
    yield watching
    watching.end()


def expressions():
    """The expressions of the dashboard, as Grafana sends them to Prometheus."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [one["expr"] for one in dashboard["annotations"]["list"]]
    return [text.replace("$scope", "demo").replace("$__rate_interval", "10s") for text in found]


def metrics_of(texts):
    return {name for text in texts for name in re.findall(r"\b(?:patroni|tamada)_[a-z_]+", text)}


def test_prometheus_by_the_playbook(cluster, prometheus):
    root = pathlib.Path(cluster.root)
    assert json.loads((root / "dashboards" / "tamada.json").read_text())["uid"] == "tamada"
    provider = yaml.safe_load((root / "grafana" / "provisioning" / "dashboards" / "tamada.yml").read_text())
    assert provider["providers"][0]["options"]["path"] == f"{root}/dashboards"
    old, (new, _) = cluster.leader(), cluster.replicas()
    wait_for("all members to be asked", lambda: len(prometheus.ask(f'up{{job="tamada",cluster="{cluster.scope}"}} == 1')) == 3, 30)
    # Some metrics exist only if notifications are configured, and others only after a change of the leader.
    for node in cluster.nodes:
        node.config["notify"] = {"command": ["true"]}
        with open(node.config_file, "w") as f:
            yaml.safe_dump(node.config, f)
        node.signal(signal.SIGHUP)
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert status == 200, text
    cluster.wait_healthy(60)

    rules = [rule for group in yaml.safe_load((FOLDER / "tamada.rules.yml").read_text())["groups"] for rule in group["rules"]]
    exposed = {line.split("{")[0] for node in cluster.nodes for line in node.api("/metrics")[1].splitlines() if not line.startswith("#")}
    used = metrics_of([rule["expr"] for rule in rules] + expressions())
    assert len(used) > 15 and used <= exposed, used - exposed

    def fired():
        return {labels["alertname"] for labels, _ in prometheus.ask(f'ALERTS{{alertstate="firing",scope="{cluster.scope}"}}')}
    wait_for("the alert about it", lambda: fired() == {"TamadaLeaderChanged"}, 30)
    seen = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in seen} == {rule["alert"] for rule in rules}
    assert {rule["health"] for rule in seen} == {"ok"}, seen
    # Each panel has data, except those about problems and copies, because the cluster has neither.
    wait_for("data in each panel", lambda: {text for text in expressions() if not prometheus.ask(text)} ==
             {text for text in expressions() if "tamada_copy_" in text or "by (name, kind) (tamada_problem" in text}, 60)


def test_without_a_section_or_anything_to_set_up(cluster):
    root = pathlib.Path(cluster.root)
    code, said = play(cluster, "-e", f"PROMETHEUS_FOLDER={root}/nowhere", "-e", f"GRAFANA_FOLDER={root}/nowhere")
    assert code != 0 and "has neither" in said, said
    code, said = play(cluster, "-e", "server_name=a1_monitoring")
    assert code != 0 and "no section [a1_monitoring_monitoring]" in said, said
