"""Each strategy is the prompt that it says, with the numbers of the presets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import facts
from course_utils.vampnet import STRATEGIES, Beats, BeatsError, MaskError, masks, strategy
from course_utils.vampnet.strategies import STYLES, preset

RATE = facts.DAC_FRAME_RATE.value
TEN = (1, 9, 862)  # 10 s
BEATS = Beats((0.5, 1.0, 1.5), "given", 120.0)

# The article's table, typed once more: every N-th frame, temperature; inpainting's; seconds after the beat, temperature
ARTICLE = {
    "wild": {"vamp": (9, 1.2), "dense": (5, 1.0), "inpaint": 1.0, "beat": (0.03, 1.1)},
    "faithful": {"vamp": (5, 0.7), "dense": (2, 0.6), "inpaint": 0.6, "beat": (0.08, 0.7)},
}


@pytest.mark.parametrize("style", STYLES)
def test_the_presets_are_the_articles(style: str) -> None:
    table = ARTICLE[style]
    for name in ("vamp", "dense"):
        made = strategy(name, style, TEN, RATE)
        assert (preset(name, style).period, made.settings.temperature) == table[name]
        assert made.mask == masks.periodic(TEN, table[name][0])
    gap = strategy("inpaint", style, TEN, RATE)
    assert gap.mask == masks.inpaint_span(TEN, 3, 7, RATE)
    assert gap.settings.temperature == table["inpaint"]
    beat = strategy("beat", style, TEN, RATE, BEATS)
    assert beat.mask == masks.beats(TEN, BEATS.times, RATE, after=table["beat"][0])
    assert beat.settings.temperature == table["beat"][1]


def test_the_courses_own() -> None:
    assert strategy("continue", "wild", TEN, RATE).mask == masks.continuation(TEN, 431)
    assert strategy("compress", "wild", TEN, RATE).mask == masks.compression(TEN, 1)
    assert strategy("compress", "faithful", TEN, RATE).mask == masks.compression(TEN, 3)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_whole_frames_and_says_what(name: str, style: str) -> None:
    made = strategy(name, style, TEN, RATE, BEATS, passes=12)
    assert (made.name, made.style) == (name, style)
    assert (made.settings.passes, made.fine.passes) == (12, 2)
    assert made.fine.temperature == made.settings.temperature
    assert made.says.startswith("keeps ")
    assert f"temperature {made.settings.temperature:g}" in made.says
    if name != "compress":
        assert len(set(made.mask.kept_by_codebook)) == 1
    else:
        assert f"{made.mask.bits_per_second(RATE):.0f} bit/s" in made.says


def test_the_caller_chooses_how_many_codebooks_keep_the_prompt() -> None:
    made = strategy("vamp", "wild", TEN, RATE, upper=int(facts.VAMPNET_UPPER_CODEBOOKS.value))
    assert made.mask == masks.mask_upper(masks.periodic(TEN, 9), 3)
    assert [share > 0 for share in made.mask.kept_by_codebook] == 3 * [True] + 6 * [False]
    assert "in the first 3 codebooks" in made.says


def test_numbers_can_be_replaced() -> None:
    made = strategy("dense", "wild", TEN, RATE, period=4, temperature=0.9, fine_passes=5)
    assert made.mask == masks.periodic(TEN, 4)
    assert (made.settings.temperature, made.fine.passes) == (0.9, 5)
    assert strategy("inpaint", "wild", TEN, RATE, start=1, stop=2).mask == masks.inpaint_span(TEN, 1, 2, RATE)
    assert strategy("continue", "wild", TEN, RATE, share=0.25).mask == masks.continuation(TEN, 216)
    assert strategy("beat", "wild", TEN, RATE, [0.5], kept_before=0.05).mask == masks.beats(
        TEN, [0.5], RATE, before=0.05, after=0.03
    )


def test_a_short_clip_has_its_gap_in_proportion() -> None:
    frames = masks.frames_in(5.0, RATE)
    made = strategy("inpaint", "wild", (1, 9, frames), RATE)
    seconds = masks.seconds_of(frames, RATE)
    assert made.mask == masks.inpaint_span((1, 9, frames), 0.3 * seconds, 0.7 * seconds, RATE)
    assert "1.5 to 3.5 s" in made.says
    just = strategy("inpaint", "wild", (1, 9, masks.frames_in(7.0, RATE) + 1), RATE)
    assert just.mask.label == "inpaint_span(3 s, 7 s)"
    with pytest.raises(MaskError, match="no frame begins from 6 s to 8 s in a clip of 5.00 s"):
        strategy("inpaint", "wild", (1, 9, frames), RATE, start=6, stop=8)


@given(frames=st.integers(1, 2000), name=st.sampled_from(STRATEGIES), style=st.sampled_from(STYLES))
@settings(max_examples=150, deadline=None)
def test_any_length_has_a_prompt_and_something_to_generate_or_an_error(frames: int, name: str, style: str) -> None:
    seconds = masks.seconds_of(frames, RATE)
    try:
        made = strategy(name, style, (2, 9, frames), RATE, [0.0, seconds / 2])
    except MaskError:
        assert frames < 9, "0.1 s is long enough"
        return
    assert made.mask.shape == (2, 9, frames)
    assert 0 < made.mask.kept_fraction < 1


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"name": "remix"}, ValueError, "no strategy is called 'remix': there are vamp, dense, inpaint"),
        ({"style": "tame"}, ValueError, "no style is called 'tame': there are wild and faithful"),
        ({"speed": 2}, ValueError, "a strategy has no speed: it has temperature, period"),
        ({"period": 0}, MaskError, "at least 1 frame, not 0"),
        ({"period": 1}, MaskError, "nothing to generate"),
        ({"upper": -1}, MaskError, "0 or more, not -1"),
        ({"upper": 0}, MaskError, "no prompt"),
        ({"temperature": -0.5}, ValueError, "temperature must be 0 or more, not -0.5"),
        ({"passes": 0}, ValueError, "at least 1, not 0"),
        ({"fine_passes": 0}, ValueError, "at least 1, not 0"),
        ({"frame_rate": 0}, MaskError, "frame rate must be above 0"),
        ({"name": "beat"}, BeatsError, "needs beats: pass beats=find_beats.*vamp, dense"),
        ({"name": "beat", "beats": []}, BeatsError, "needs beats"),
        ({"name": "beat", "beats": [11.0]}, MaskError, "outside the clip"),
        ({"name": "beat", "beats": [1.0], "kept_after": -0.1}, MaskError, "0 or more, not 0.0 and -0.1"),
        ({"name": "compress", "codebooks": 10}, MaskError, "of 9 codebooks"),
        ({"name": "compress", "codebooks": 9}, MaskError, "nothing to generate"),
        ({"name": "compress", "codebooks": 0}, MaskError, "no prompt"),
        ({"name": "continue", "share": 1.0}, MaskError, "between 0 and 1"),
        ({"name": "inpaint", "start": 7, "stop": 3}, MaskError, "no frame begins from 7 s to 3 s"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        strategy(**{"name": "vamp", "style": "wild", "shape": TEN, "frame_rate": RATE, **wrong})
