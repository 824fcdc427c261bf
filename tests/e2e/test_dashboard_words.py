"""The dashboard has each of doctor's findings in Chinese."""
import re

import pytest

from harness.cluster import TREE

pytestmark = pytest.mark.tamada


def names(text):
    return set(re.findall(r"{(\w+)}", text))


def test_each_finding_has_a_chinese_text_with_the_same_values():
    source = re.sub(r'"\n\s+"', "", (TREE / "src/diagnosis/texts.h").read_text())
    english = {code: (text, next_) for code, text, next_ in
               re.findall(r'{"(\w+)", "\w+", Grade::(?:warning|failure),\s+"([^"]*)",\s+"([^"]*)"}', source)}
    assert len(english) == len(re.findall("Grade::(?:warning|failure),", source)) > 30
    source = (TREE / "web/src/found.ts").read_text()
    constants = dict(re.findall(r'const (\w+) = "([^"]*)";', source))
    table = source[source.index("chinese_findings"):source.index("\n};")]
    chinese = {code: (text, constants.get(next_, next_.strip('"'))) for code, text, next_ in
               re.findall(r'(\w+): {\s*text: "([^"]*)",\s*next: ("[^"]*"|\w+),?\s*}', table)}
    assert len(chinese) == table.count("text:")
    assert set(chinese) == set(english)
    for code, texts in english.items():
        assert [names(one) for one in chinese[code]] == [names(one) for one in texts], code
        assert all(one == other or re.search("[\u4e00-\u9fff：]", one) for one, other in zip(chinese[code], texts)), code
