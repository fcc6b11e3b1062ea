"""Putting modules, styles and data into one page."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.show import page


def test_bundle_orders_modules_and_strips_module_syntax() -> None:
    sources = {
        "low": "export const one = 1;\nconst hidden = 2;\n",
        "mid": "import { one } from './low.js';\n\nexport function two() {\n  return one + 1;\n}\n",
        "top": "import { one } from './low.js';\nimport { two } from './mid.js';\nexport async function top() {}\n",
    }
    script = page.bundle("top", sources)
    assert [m.group(1) for m in re.finditer(r"^modules\.(\w+) = ", script, re.MULTILINE)] == ["low", "mid", "top"]
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    assert "const { one, two } = modules.low" not in script
    assert "return { one };" in script
    assert "hidden" in script


def test_comments_that_fill_their_lines_stay_behind() -> None:
    text = (
        "// why\n/** what\n * it takes */\nexport const a = 'http://b'; // short\n"
        "  // indented\nconst c = 4 /* here */;\n"
    )
    script = page.bundle("a", {"a": text})
    assert "const a = 'http://b'; // short\nconst c = 4 /* here */;\n" in script
    assert not re.search("why|what|takes|indented", script)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"a": "import { b } from './b.js';\n"}, "b.js, which does not exist"),
        ({"a": "import { b } from './b.js';\n", "b": "import { a } from './a.js';\n"}, "circle: a -> b -> a"),
        ({"a": "import b from './b.js';\n", "b": ""}, "can be bundled"),
        ({"a": "export default 3;\n"}, "can be bundled"),
        ({"a": "import './b.js';\n", "b": ""}, "can be bundled"),
    ],
)
def test_bundle_refuses_what_it_cannot_inline(sources: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        page.bundle("a", sources)


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none()))
def test_data_survives_the_page_whatever_it_contains(data: dict) -> None:
    text = page.as_json(data)
    assert "<" not in text
    assert json.loads(text) == data


def test_data_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant|Out of range"):
        page.as_json({"x": float("nan")})


@pytest.mark.parametrize("entry", ["ladder", "clips"])
def test_page_needs_nothing_from_outside(entry: str) -> None:
    text = page.document(entry, {}, title="t", alt="a", standalone=True)
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", text)
    assert not re.search(r"@import|url\(|(?<!\w)fetch\(|XMLHttpRequest|require\(", text)
    assert "application/javascript" not in text
    assert text.count("<script") == 2
    assert text.count("</script>") == 2


def test_frame_gives_back_the_page_exactly() -> None:
    inner = page.document(
        "clips", {"title": '"quotes" & <tags>'}, title='a "b" & <c>', alt='<alt> & "more"', standalone=False
    )
    outer = page.frame(inner, title='a "b"', alt='say "what"', height=300)
    found = re.search(r'srcdoc="([^"]*)"', outer)
    assert found is not None
    assert html.unescape(found.group(1)) == inner
    assert 'aria-label="say &quot;what&quot;"' in outer
