"""The dashboard says in Chinese what doctor finds, and what the daemon tells of its decisions, events and problems."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from harness.cluster import TREE, Side

pytestmark = pytest.mark.tamada

CHINESE = re.compile("[\u4e00-\u9fff]")
SOME_WORDS = re.compile(r"[A-Za-z][\w./'-]*(?: [A-Za-z][\w./'-]*)+")

# What stays in English within a Chinese sentence: commands, names, and the errors of other programs.
STAYS = [r"tamadactl failover --candidate \S+ --force", "ALTER SYSTEM", "REST API", "No such file or directory",
         "GRANT EXECUTE ON FUNCTION"]

# Sources of sentences that the page shows. The others of their folders only log what they say.
SHOWN = ["src/core/*.cc", "src/core/*.h", "src/core/rules/*.cc", "src/core/rules/*.h", "src/api/journal.cc", "src/api/*_routes.cc", "src/api/passed_on.cc",
         "src/api/body.cc", "src/agent/configuration.cc", "src/fence/guard.cc", "src/postgres/outside.cc", "src/config/judge.cc", "src/config/value.cc",
         "src/config/validate.cc", "src/config/dynamic.cc"]
NOT_SHOWN = {
    "src/core/decide.cc": "the rules' meanings, for docs/rules.md", "src/core/rules_text.cc": "the head of docs/rules.md",
    "src/core/slot_plan.cc": "why slots are dropped, for the log", "src/core/rewind.h": "SQL", "src/api/clusters_routes.cc": "see chinese.ts",
    "src/api/doctor_routes.cc": "see found.zh.ts"}
LOGGED = {"The leader is ", "About to run as a leader", "bootstrap failed", "Running as a leader", " without samples", ", but tells no events"}
# Answers to requests that the page does not send.
TO_OTHER_CLIENTS = {
    "the query has to name a member: ?member=NAME", "PostgreSQL role should be either primary, standby_leader, or replica",
    "Timeout should be a positive number of seconds", "Unknown filter for the scheduled restart: ", "The dashboard is off (restapi.ui)",
    "Failover could be performed only to a specific candidate", "Switchover could be performed only from a specific leader",
    "Failover can't be scheduled", "\\nNothing was changed; ?force=true changes it all the same\\n"}


def names(text):
    return set(re.findall(r"{\*?(\w+)}", text))


def test_each_finding_has_a_chinese_text_with_the_same_values():
    source = re.sub(r'"\n\s+"', "", (TREE / "src/diagnosis/texts.h").read_text())
    english = {code: (text, next_) for code, text, next_ in
               re.findall(r'{"(\w+)", "\w+", Grade::(?:warning|failure),\s+"([^"]*)",\s+"([^"]*)"}', source)}
    assert len(english) == len(re.findall("Grade::(?:warning|failure),", source)) > 30
    source = (TREE / "web/src/found.zh.ts").read_text()
    constants = dict(re.findall(r'const (\w+) = "([^"]*)";', source))
    table = source[source.index("chinese_findings"):source.index("\n};")]
    chinese = {code: (text, constants.get(next_, next_.strip('"'))) for code, text, next_ in
               re.findall(r'(\w+): {\s*text: "([^"]*)",\s*next: ("[^"]*"|\w+),?\s*}', table)}
    assert len(chinese) == table.count("text:")
    assert set(chinese) == set(english)
    for code, texts in english.items():
        assert [names(one) for one in chinese[code]] == [names(one) for one in texts], code
        assert all(one == other or re.search("[\u4e00-\u9fff：]", one) for one, other in zip(chinese[code], texts)), code


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A function that gives the page's own translations of texts, and its tables."""
    program = tmp_path_factory.mktemp("page") / "translate.js"
    entry = """import { in_chinese } from "./translate";
               import { sentences, terms } from "./reasons.zh";
               declare const require: any;
               const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
               console.log(JSON.stringify({ said: texts.map(in_chinese), sentences, terms }));"""
    subprocess.run(["esbuild", "--bundle", "--loader=ts", "--platform=node", "--charset=utf8", "--log-level=warning", f"--outfile={program}"],
                   input=entry, text=True, cwd=TREE / "web/src", check=True)

    def ask(texts):
        done = subprocess.run(["node", program], input=json.dumps(texts), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)
    return ask


def reasons_in(trace):
    return set(re.findall(r"^ *[\d.]+ \S+ +\[\w+\] (.*)$", trace, re.M))


def simulated():
    """What the daemons of simulated clusters say."""
    program = pathlib.Path(Side().daemon[0]).parent / "tamada-sim"
    said = set()
    for nodes in (2, 3, 5):
        for seed in range(1, 13):
            done = subprocess.run([program, "--seed", f"{1000 * nodes + seed}", "--nodes", f"{nodes}", "--duration", "120", "--trace"],
                                  capture_output=True, text=True, env={**os.environ, "TZ": "UTC"})
            said |= reasons_in(done.stdout)
    return said


def strings(text):
    """The string literals, with those that stand side by side joined."""
    found = re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text)
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', one)).replace('\\"', '"') for one in found]


def without_comments(path):
    return re.sub("//.*", "", path.read_text())


def expected_by_unit_tests():
    """What the unit tests of the rules expect the daemon to say."""
    said = set()
    for path in (TREE / "src/core").rglob("*_test.cc"):
        for found in re.finditer(r'\b(?:reason|text|trouble|error|problems\(\w+\.seen, \w+\.memory\)\)),\s*("[^;]*)\);', without_comments(path)):
            said.add(strings(found[1])[0])
    return said


def invented_errors():
    """The errors that the simulator invents in the place of other programs."""
    texts = [text for path in (TREE / "src/sim").glob("*.cc") for text in re.findall(r'fail\("([^"]*)"', path.read_text())]
    return [re.escape(text.split(": ")[-1]) for text in texts] + ["Operation canceled"]


def untranslated(texts, said, stays=()):
    """{text: what is English in its translation}"""
    found = {}
    for text, chinese in zip(texts, said):
        rest = chinese
        for tail in [*STAYS, *stays]:
            rest = re.sub(tail, "", rest)
        left = SOME_WORDS.findall(rest)
        if left or not CHINESE.search(chinese):
            found[text] = left or chinese
    return found


@pytest.mark.parametrize("source", ["simulated", "stories", "unit tests"])
def test_what_the_daemon_says_is_shown_in_chinese(page, source):
    if source == "simulated":
        said = simulated()
    elif source == "stories":
        said = reasons_in("\n".join(path.read_text() for path in (TREE / "tests/stories").glob("*.txt")))
    else:
        said = {text for text in expected_by_unit_tests() if re.search("[a-z] [a-z]", text)}
    texts = sorted(said)
    shapes = {re.sub(r"\bn\d\b|\d+", "#", text) for text in texts}
    print(f"\n{source}: {len(texts)} texts, {len(shapes)} of them differ in more than names and numbers")
    assert len(shapes) > 20
    left = untranslated(texts, page(texts)["said"], invented_errors() if source == "simulated" else ())
    assert not left, "\n".join(f"{text} -> {english}" for text, english in left.items())


def test_each_part_of_a_sentence_in_the_daemons_source_is_in_a_chinese_sentence(page):
    told = page([])
    english = "\n".join([one for one, _ in told["sentences"]] + [term for terms in told["terms"].values() for term in terms])
    missing = []
    for path in sorted({path for pattern in SHOWN for path in TREE.glob(pattern)}):
        name = str(path.relative_to(TREE))
        if name.endswith("_test.cc") or name in NOT_SHOWN:
            continue
        text = re.sub(r'log::\w+\((?:[^;"]|"(?:[^"\\]|\\.)*")*;', "", without_comments(path))
        for literal in strings(text):
            parts = re.split(r"{[^{}]*}", literal) if "SELECT " not in literal else []
            missing += [f"{name}: {part}" for part in parts if re.search("[a-z] [A-Za-z]", part) and part not in LOGGED | TO_OTHER_CLIENTS and part.strip() not in english]
    assert not missing, "\n".join(missing)


def filled(sentence, terms, language):
    """The sentence with values in its places: the last term of those that a place allows, or a word that has its name."""
    def value(found):
        known = terms.get(found[2].rstrip("2"))
        return list(known.items())[-1][language] if known else f"some{found[1] and ' '}{found[2]}"
    return re.sub(r"{(\*?)(\w+)}", value, sentence)


def test_each_sentence_is_known_and_keeps_its_values(page):
    told = page([])
    sentences, terms = told["sentences"], told["terms"]
    assert len({english for english, _ in sentences}) == len(sentences) > 200
    for english, chinese in sentences:
        assert names(chinese) == names(english) and english != chinese, english
    starred = dict(sentences)
    said = page([filled(english, terms, 0) for english in starred])["said"]
    wrong = {english: one for (english, chinese), one in zip(starred.items(), said) if one != filled(as_in(english, chinese), terms, 1)}
    assert not wrong, "\n".join(f"{english} -> {one}" for english, one in wrong.items())


def as_in(english, chinese):
    """The Chinese sentence with the places written as in the English one."""
    return re.sub(r"{(\w+)}", lambda found: "{*" + found[1] + "}" if "{*" + found[1] + "}" in english else found[0], chinese)


def test_what_no_sentence_fits_stays_as_it_is(page):
    texts = ["", "n1", "constructor", "something that no daemon says", "one thing; another thing", "primary", "start", "n1 holds the leader key of another cluster"]
    assert page(texts)["said"] == texts


def test_problems_in_one_line_and_names_that_are_words(page):
    said = page(["etcd does not answer: timed out; something unheard-of; the file system of pg_wal is nearly full", "start holds the leader key",
                 "constructor holds the leader key"])["said"]
    assert said[0] == "etcd 没有应答：超时；something unheard-of；pg_wal 所在的文件系统即将用满"
    assert said[1:] == ["start 持有领导键", "constructor 持有领导键"]
