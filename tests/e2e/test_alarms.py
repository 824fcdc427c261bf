"""Checks the alert rules of deploy/monitoring: promtool's tests cover each rule, and docs/operations.md says what to do about each alert."""
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

TREE = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TREE / "deploy" / "monitoring"
with_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (package prometheus)")


def rules():
    return [rule for group in yaml.safe_load((FOLDER / "tamada.rules.yml").read_text())["groups"] for rule in group["rules"]]


def promtool(*words, folder=FOLDER):
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


@with_promtool
def test_the_rules_are_what_their_tests_expect():
    assert promtool("check", "rules", "--lint-fatal", "tamada.rules.yml")[0] == 0
    code, said = promtool("test", "rules", "tamada.test.yml")
    assert code == 0, said


@with_promtool
def test_a_rule_that_never_fires_is_noticed(tmp_path):
    """Changes all rules so that none fires. promtool's tests then have to fail for each of them."""
    text = (FOLDER / "tamada.rules.yml").read_text()
    (tmp_path / "tamada.rules.yml").write_text(re.sub(r"( +expr: ).*", r"\1vector(0) > 1", text))
    shutil.copy(FOLDER / "tamada.test.yml", tmp_path)
    code, said = promtool("test", "rules", "tamada.test.yml", folder=tmp_path)
    assert code != 0
    for rule in rules():
        assert rule["alert"] in said, f"no test expects {rule['alert']}"


def test_the_document_tells_of_each():
    section = (TREE / "docs" / "operations.md").read_text().split("\n## Monitoring\n")[1].split("\n## ")[0]
    told = re.findall(r"^\| `(Tamada\w+)` \| (\w+) \|", section, re.M)
    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]
