"""Each check of tools/lint finds its kind of mistake."""
import pathlib
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
LONG = "int f() {\n" + "  g();\n" * 80 + "}\n"
OFFENCES = {
    "formatted": ("src/x.cc", "int  f( ) { return 1; }\n"),
    "short_functions": ("src/x.cc", LONG),
    "shell": ("tools/x", "#!/bin/sh\ncd $1/*; rm $undefined\nif [ $x == y ]; then :; fi\n"),
    "python": ("x.py", "import os\nprint(name)\n"),
    "playbooks": ("deploy/playbooks/x.yml", "- hosts: all\n  tasks:\n    - nosuchmodule_at_all: {}\n      when: [\n"),
    "manual": ("packaging/x.8", ".TH X 8\n.nosuchmacro\n\\*[undefined]\n"),
    "links": ("docs/x.md", "# A heading\n[there](#a-heading) [gone](y.md) [no anchor](#b)\n"),
}


@pytest.mark.tamada
@pytest.mark.parametrize("check", OFFENCES)
def test_a_check_finds_its_offence(check, tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "deploy/playbooks").mkdir(parents=True)
    shutil.copy(TREE / "tools/lint", tmp_path / "tools/lint")
    shutil.copy(TREE / ".clang-format", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/good.cc").write_text("int f() { return 1; }\n")
    name, text = OFFENCES[check]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    done = subprocess.run([tmp_path / "tools/lint", check], capture_output=True, text=True)
    assert done.returncode == 1 and pathlib.Path(name).name in done.stdout, done.stdout + done.stderr


def test_a_check_that_nobody_knows_is_refused():
    done = subprocess.run([TREE / "tools/lint", "nosuch"], capture_output=True, text=True)
    assert done.returncode != 0 and "no check nosuch" in done.stderr
