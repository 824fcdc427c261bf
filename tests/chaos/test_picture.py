"""The picture and the table of a run."""
import pathlib
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import picture  # noqa: E402
import results  # noqa: E402

FAULTS = [{"at": 1, "kind": "split", "target": "leader", "host": 3, "began": 1.2, "ended": 8.0, "duration": 5, "outcome": "done"},
          {"at": 2, "kind": "switchover", "target": "leader", "ended": 3.0, "duration": 0, "outcome": "nobody to take over: <none> | & so on"}]
RESULT = {"side": "tamada", "version": "1.0", "seed": 3, "mode": "sync", "failsafe": True, "minutes": 0.5, "times": {"ttl": 5}, "verdict": "failed",
          "failures": ["2 times: lost | <b>"], "faults": FAULTS, "availability_pct": 88.8, "longest_outage_s": 2.5, "acknowledged": 12345, "lost": 2,
          "double_s": 0.1, "double_excused_s": 0.1, "recovered_s": 4.2, "load": 1.2, "window_s": 0.5,
          "picture": {"end": 40.0, "roles": {"node31": [[0, 20, "1"], [20, 40, "0"]], "node32": [[0, 40, "-"]]}, "doubles": [7.1],
                      "slowest_ms": [[0, 3], [0.5, 0], [1, 20000]]}}


def test_the_picture_is_drawn():
    root = ET.fromstring(picture.svg(RESULT))
    told = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "two primaries at 7.1 s" in told
    assert "node31: takes writes, 0.0 to 20.0 s" in told
    assert any(text.startswith("switchover (leader), 2.0 to 3.0 s: nobody") for text in told)


def test_faults_that_overlap_have_lanes_of_their_own():
    assert [lane for _, lane in picture.lanes(FAULTS)] == [0, 1]


def test_the_table_replaces_the_last_one(tmp_path):
    document, runs = tmp_path / "chaos.md", tmp_path / "run.json"
    runs.write_text(results.json.dumps(RESULT))
    document.write_text("# Words\n\n" + results.MARK + "old\n")
    results.tell([runs], document)
    text = document.read_text()
    assert text.startswith("# Words") and "old" not in text and "| 12,345 | 2 |" in text and "1 of 2" in text
    assert all(line.count("|") == results.HEAD.splitlines()[0].count("|") for line in text.splitlines() if line.startswith("|"))
