"""Tests the alarms of docs/operations.md with promtool: none fires for two healthy clusters, and each fires for its fault."""
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
NOW = 60   # seconds since the beginning of the test's time
MEMBERS = [("a", "n0"), ("a", "n1"), ("b", "m0"), ("b", "m1")]
WELL = {
    "patroni_primary": (1, 0, 1, 0), "patroni_replica": (0, 1, 0, 1), "patroni_postgres_running": (1, 1, 1, 1),
    "patroni_xlog_location": (5e9, 0, 7e9, 0), "patroni_xlog_replayed_location": (0, 5e9, 0, 7e9), "patroni_dcs_last_seen": (NOW,) * 4,
    "patroni_pending_restart": (0,) * 4, "patroni_is_paused": (0,) * 4, "tamada_problem": (0,) * 4,
}
ALARMS = {   # the beginning of the alarm's expression -> what triggers it: another value of the first member, or of the second
    "sum by (scope) (patroni_primary)": [("patroni_primary", 0, 0), ("patroni_primary", 1, 1)],
    "patroni_postgres_running": [("patroni_postgres_running", 1, 0)],
    "time() - patroni_dcs_last_seen": [("patroni_dcs_last_seen", 1, NOW - 40)],
    "max by (scope) (patroni_xlog_location)": [("patroni_xlog_replayed_location", 1, 4e9)],
    "tamada_problem": [("tamada_problem", 0, 2)],
    "patroni_pending_restart": [("patroni_pending_restart", 1, 1)],
    "patroni_is_paused": [("patroni_is_paused", 0, 1)],
}


def expressions():
    section = DOCUMENT.read_text().split("\n## Monitoring\n")[1].split("\n## ")[0]
    return [text for text in re.findall(r"`([^`]+)`", section) if re.search(r"[<>=] ?\S+$", text)]


def fires(folder, expression, values):
    """The scopes that the expression returns; for every other scope Prometheus must return nothing."""
    series = [{"series": f'{name}{{scope="{scope}",name="{member}",instance="{member}:8008"' +
               (',kind="guard"}' if name == "tamada_problem" else "}"), "values": f"{value:.0f}x5"}
              for name, of_members in values.items() for (scope, member), value in zip(MEMBERS, of_members)]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [{"eval_time": f"{NOW}s", "alertname": "it", "exp_alerts": []}]}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [{"alert": "it", "expr": expression}]}]}))
    (folder / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or "alertname: it" in done.stdout + done.stderr, done.stdout + done.stderr
    return set() if done.returncode == 0 else set(re.findall(r'scope="?(\w+)', done.stdout + done.stderr))


def test_each_is_examined_here():
    for expression in expressions():
        assert any(expression.startswith(begin) for begin in ALARMS), expression
    assert len(expressions()) == len(ALARMS), expressions()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (package prometheus)")
@pytest.mark.parametrize("begin", ALARMS)
def test_an_alarm(begin, tmp_path):
    (expression,) = [text for text in expressions() if text.startswith(begin)]
    assert fires(tmp_path, expression, WELL) == set()
    for name, member, value in ALARMS[begin]:
        values = {**WELL, name: tuple(value if i == member else known for i, known in enumerate(WELL[name]))}
        assert fires(tmp_path, expression, values) == {"a"}, (expression, name, value)
