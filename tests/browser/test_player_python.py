"""Players as Python sees them: data, descriptions, sizes, refusals, and what a notebook stores. No browser."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from show_material import RATE, music, small_clips, small_ladder

from course_utils.audio import Clip
from course_utils.show import LevelAudio, clips_player, figure, images_without_alt, ladder, level_audio


def displayed(thing: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The outputs that showing a thing leaves in a notebook."""
    shown: list[dict[str, Any]] = []

    def keep(data: dict, metadata: dict | None = None, raw: bool = False) -> None:
        shown.append({"output_type": "display_data", "data": data, "metadata": metadata or {}})

    monkeypatch.setattr("IPython.display.display", keep)
    thing._ipython_display_()
    return shown


def test_description_is_made_from_the_data() -> None:
    player = small_ladder()
    assert "from -4.0 dB at level 1 (0.86 kbit/s) to 20.0 dB at level 9 (7.75 kbit/s)" in player.alt
    assert "Each level improves both." in player.alt
    assert f"9 codebooks by {player.codes.shape[1]} frames" in player.alt
    player.levels[4] = LevelAudio(player.levels[4].samples, 0.0, 0.1, 1.0)
    assert "Not every level improves both: see levels 5, 6." in player.alt


def test_data_is_plain_and_complete() -> None:
    player = small_ladder()
    data = json.loads(json.dumps(player.data()))
    assert data["codes"] == player.codes.tolist()
    assert len(data["tracks"]) == 10
    assert data["seconds"] == pytest.approx(1.0)


def test_the_note_says_what_is_done_to_the_sound() -> None:
    player = small_ladder()
    assert player.word_length == 16
    assert "no track is normalised" in player.note
    assert "rounding" not in player.note
    size = sum(len(t.flac) for t in player.tracks)
    tight = small_ladder(budget=int(0.8 * size))
    assert tight.word_length < 16
    assert f"after rounding to {tight.word_length} bits" in tight.note
    assert "dBFS" in tight.note
    loud = small_ladder()
    loud.levels[0].samples[10:13] = 1.5
    assert "3 samples of the levels lay beyond full scale" in loud.note


def test_four_seconds_of_noisy_levels_stay_within_the_page_budget() -> None:
    page = small_ladder(4.0).page()
    print(f"ladder, 4 s, 10 tracks: {len(page):,} characters")
    assert len(page.encode()) <= 1_500_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": np.zeros((8, 87), int)}, r"codes have shape \(8, 87\): expected \[9, T\]"),
        ({"codes": np.full((9, 87), 1024)}, r"codes run from 1024 to 1024: expected 0..1023"),
        ({"start": 10}, "start is 10: expected 0"),
        ({"levels": []}, "0 levels"),
        ({"cut": 3}, r"level 1 has shape \(44097,\), the original \(44100,\)"),
        ({"nan": True}, "sample 0 is nan"),
    ],
)
def test_what_does_not_belong_together_is_refused(change: dict[str, Any], message: str) -> None:
    clip = music(1.0)
    level = clip[: len(clip) - change.pop("cut", 0)].copy()
    if change.pop("nan", False):
        level[0] = np.nan
    levels = change.pop("levels", [LevelAudio(level, 1.0, 0.1, 861.0)] * 9)
    codes = change.pop("codes", np.zeros((9, 87), int))
    with pytest.raises(ValueError, match=message):
        ladder(Clip(clip, RATE, "chords"), "none", levels, codes, **change)


@pytest.mark.parametrize(
    ("sounds", "options", "message"),
    [
        ([], {}, "0 sounds"),
        ([("a", np.zeros((2, 9)))], {}, r"'a' has shape \(2, 9\)"),
        ([("a", np.zeros(9))], {"abx": (0, 0)}, "two different positions"),
        ([("a", np.zeros(9))], {"notes": ["x", "y"]}, "2 notes for 1 sounds"),
        ([("a", np.zeros(9))], {"trials": 0}, "trials is 0"),
    ],
)
def test_rows_of_sounds_that_make_no_sense_are_refused(sounds: list, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clips_player(sounds, **options)


@pytest.mark.parametrize("make", [small_ladder, small_clips])
def test_the_still_twin_is_a_small_picture(make: Any) -> None:
    player = make()
    picture = Image.open(io.BytesIO(player.png()))
    assert picture.format == "PNG"
    assert picture.width >= 900
    assert len(player.png()) < 300_000
    assert len(np.unique(np.asarray(picture.convert("L")))) > 50, "the picture is (nearly) empty"


@pytest.mark.parametrize("make", [small_ladder, small_clips])
def test_one_bundle_has_all_three_forms(make: Any) -> None:
    player = make()
    forms, metadata = player._repr_mimebundle_()
    assert set(forms) == {"text/html", "image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == player.alt == forms["text/plain"]
    assert forms["text/html"].startswith("<figure")


def test_a_notebook_stores_player_and_twin_with_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = displayed(small_ladder(), monkeypatch)
    assert [next(iter(o["data"])) for o in outputs] == ["text/html", "image/png"]
    notebook = {"cells": [{"outputs": outputs}]}
    assert images_without_alt(notebook) == []
    outputs[1]["metadata"] = {}
    outputs.append({"data": {"text/html": ["<p>", '<img src="x">']}, "metadata": {}})
    assert images_without_alt(notebook) == ["cell 0, output 1: image/png", "cell 0, output 2: <img>"]


def test_the_frame_knows_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    html, png = displayed(small_ladder(), monkeypatch)
    found = re.search(r"&quot;twin&quot;:&quot;([^&]+)&quot;", html["data"]["text/html"])
    assert found is not None
    assert len(found.group(1)) == 64
    assert found.group(1) in png["data"]["image/png"]


def test_a_figure_carries_its_description() -> None:
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots()
    axes.plot([1, 2, 3])
    alt = 'A line from 1 to 3, called "line" & <so on>.'
    picture = figure(fig, alt)
    assert not plt.get_fignums(), "the figure would be shown twice"
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == alt == data["text/plain"]
    assert "called &quot;line&quot; &amp; &lt;so on&gt;" in data["text/html"]
    output = {"data": data, "metadata": metadata}
    assert images_without_alt({"cells": [{"outputs": [output]}]}) == []
    with pytest.raises(ValueError, match="say in a sentence"):
        figure(plt.figure(), "plot")
    plt.close("all")


def test_levels_are_measured_by_the_courses_own_measures() -> None:
    clip = music(0.5)
    rng = np.random.default_rng(0)
    far, near = (level_audio(clip + rng.normal(0, s, len(clip)).astype(np.float32), clip, 861.3) for s in (0.05, 0.005))
    assert near.si_sdr > far.si_sdr + 15
    assert near.mel_distance < far.mel_distance
