"""The lessons' prose: made cells in step, numbers equal to their facts, links that lead somewhere, size of cells."""

import re

import pytest

from course_utils.paths import NOTEBOOKS
from course_utils.upkeep import cells
from course_utils.upkeep import notebooks as upkeep

LESSONS = upkeep.sources()
IDS = [source.stem for source in LESSONS]
GLOSSARY = NOTEBOOKS / "glossary.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")
MOST_LINES = 25  # of code in a cell


def prose(source):
    """The Markdown of a lesson."""
    return "\n\n".join(cell.source for cell in upkeep.read_source(source).cells if cell.cell_type == "markdown")


def terms():
    """{anchor: text} of the glossary, anchors as GitHub makes them."""
    parts = re.split(r"^## (.+)$", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {title.lower().replace(" ", "-"): text for title, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_made_cells_are_in_step(source):
    text = source.read_text(encoding="utf-8")
    assert cells.brought_in_step(source) == text, "run `python -m course_utils.upkeep.cells`"
    for name in ("header", "bootstrap", "next"):
        assert f'made="{name}"' in text


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_marked_numbers_are_those_of_the_facts(source):
    assert cells.wrong_facts(prose(source)) == []


def test_marked_numbers_of_the_glossary_are_those_of_the_facts():
    text = GLOSSARY.read_text(encoding="utf-8")
    assert cells.FACT.search(text)
    assert cells.wrong_facts(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("it takes 7.75 kbit/s<!-- fact: DAC_BIT_RATE -->", ""),
        ("it takes 7.75\nkbit/s<!-- fact: DAC_BIT_RATE -->", ""),
        ("about 7.8 kbit/s<!-- fact: DAC_BIT_RATE:.1f -->", ""),
        ("it takes 7.85 kbit/s<!-- fact: DAC_BIT_RATE -->", "DAC_BIT_RATE is '7.75 kbit/s'"),
        ("it takes 17.75 kbit/s<!-- fact: DAC_BIT_RATE -->", "DAC_BIT_RATE is '7.75 kbit/s'"),
        ("it takes 7.75 kbit/s<!-- fact: DAC_BITRATE -->", "no fact DAC_BITRATE"),
        ("it takes 7.85 kbit/s<!-- fact:\nDAC_BIT_RATE -->", "DAC_BIT_RATE is '7.75 kbit/s'"),
        ("> it takes 7.85 kbit/s<!--\n> fact: DAC_BIT_RATE -->", "DAC_BIT_RATE is '7.75 kbit/s'"),
        ("it takes 7.75 kbit/s<!-- fact: DAC-BIT-RATE -->", "no fact can be read from the mark"),
    ],
)
def test_a_wrong_number_is_found(text, said):
    found = cells.wrong_facts(text)
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize("source", [*LESSONS, GLOSSARY], ids=[*IDS, "glossary"])
def test_links_within_the_project_lead_somewhere(source):
    text = GLOSSARY.read_text(encoding="utf-8") if source == GLOSSARY else prose(source)
    for target in LINK.findall(text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        assert (NOTEBOOKS / path).exists(), target
        if path == GLOSSARY.name and anchor:
            assert anchor in terms(), target


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_each_word_of_the_glossary_is_linked_where_it_comes_first(source):
    text = prose(source)
    own = [anchor for anchor, entry in terms().items() if f"First in [lesson {source.name[:2]}]" in entry]
    used = [anchor for anchor in own if re.search(rf"\b{anchor.replace('-', '[- ]')}", text, flags=re.IGNORECASE)]
    assert own
    assert sorted(set(own) - set(used)) == [], "the glossary says that these come first here, and they never come"
    assert [anchor for anchor in used if f"(glossary.md#{anchor})" not in text] == []


def test_the_glossary_is_in_order_and_says_where_each_word_comes_first():
    found = terms()
    assert list(found) == sorted(found)
    for anchor, text in found.items():
        assert re.search(r"^First in \[lesson \d\d\]\(", text, flags=re.MULTILINE), anchor


@pytest.mark.parametrize("source", LESSONS, ids=IDS)
def test_cells_are_small(source):
    code = [cell for cell in upkeep.read_source(source).cells if cell.cell_type == "code"]
    long = [cell.source.splitlines()[0] for cell in code if len(cell.source.splitlines()) > MOST_LINES]
    assert long == []
