"""The decode scrubber in Python: the trace packed and unpacked, the sounds, the words, the picture, the refusals."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils.audio import Clip, si_sdr
from course_utils.show import page
from course_utils.show import scrubber_sound as sound
from course_utils.show import scrubber_trace as trace
from course_utils.show.scrubber import MOST, Run, decode_scrubber
from course_utils.vampnet import Decoded, DecodeSettings
from course_utils.vampnet.masks import flatten_codebooks

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def player(scrubber_material: Any) -> Any:
    return scrubber_material.scrubber()


@pytest.fixture(scope="module")
def small(scrubber_material: Any) -> Decoded:
    return scrubber_material.decoded()


# --- the trace ----------------------------------------------------------------------------------------------------


def test_words_hold_the_guesses_of_each_pass(small: Decoded) -> None:
    stages = trace.stages_of(small)
    assert [(s.first, s.rows, len(s.steps)) for s in stages] == [(0, 4, 6), (4, 5, 2)]
    for step, record in zip([s for stage in stages for s in stage.steps], small.trace, strict=True):
        words, at = trace.words(step).astype(np.int64), step.opened
        np.testing.assert_array_equal(at, (record.kept | record.remasked)[0].numpy())
        np.testing.assert_array_equal(words & 1023, record.tokens[0].numpy()[at])
        np.testing.assert_array_equal(words >> 31, record.kept[0].numpy()[at])
        stored = 2.0 ** (-((words >> 10) & 255) / 16.0)
        np.testing.assert_allclose(stored, record.probability[0].numpy()[at], rtol=0.022)
        assert sorted((words >> 18) & 8191) == list(range(at.sum())), "every rank once"


def test_the_rank_is_the_decoders_own(small: Decoded) -> None:
    """What is masked again are the lowest ranks, and by rank the confidence never falls."""
    for stage in trace.stages_of(small):
        for step in stage.steps:
            dropped = step.rank[step.opened & ~step.kept]
            assert sorted(dropped) == list(range(step.done))
            by_rank = step.confidence[step.opened][np.argsort(step.rank[step.opened])]
            assert (np.diff(by_rank) >= 0).all()


def test_equal_confidences_rank_in_the_order_of_the_frames(small: Decoded) -> None:
    record = small.trace[0]
    level = replace(record, confidence=torch.where(record.kept | record.remasked, 0.0, torch.inf))
    (stage,) = trace.stages_of(Decoded(small.codes, (replace(level, passes=1),)))
    flat = flatten_codebooks(torch.from_numpy(stage.steps[0].rank)[None])[0]
    assert flat[flat >= 0].tolist() == list(range(int(stage.start.sum())))


@given(st.floats(2**-15.9, 1.0))
def test_a_probability_comes_back_within_its_tolerance(p: float) -> None:
    assert 2.0 ** (-int(trace.probability_byte(p)) / 16) == pytest.approx(p, rel=0.022)


def test_a_histogram_counts_every_guess(small: Decoded) -> None:
    step = trace.stages_of(small)[0].steps[2]
    found = trace.histogram(step)
    assert sum(found["counts"]) == step.opened.sum()
    assert found["low"] == pytest.approx(float(step.confidence[step.opened].min()), abs=1e-4)


def test_what_a_place_shows_follows_the_trace(small: Decoded) -> None:
    stage = trace.stages_of(small)[0]
    for number in range(7):
        state, chance = trace.state_of(stage, number)
        assert ((state == trace.PROMPT) == ~stage.start).all()
        left = np.isin(state, (trace.DROPPED, trace.WAITING))
        np.testing.assert_array_equal(left, stage.open_after(number))
        if number:
            np.testing.assert_array_equal(state == trace.NEW, stage.steps[number - 1].kept)
            assert (chance[stage.start] > 0).all()
    assert not np.isin(trace.state_of(stage, 6)[0], (trace.DROPPED, trace.WAITING)).any()


def test_javascript_shows_the_same_cells_as_python(scrubber_material: Any, tmp_path: Path) -> None:
    from test_show_js import node

    runs = [scrubber_material.decoded(), scrubber_material.second().decoded, scrubber_material.decoded(compat=True)]
    cases = []
    for made in runs:
        stages, codes = trace.stages_of(made), made.codes[0].numpy()
        expected = []
        for s, n in trace.places(stages):
            kinds, tokens = [], []
            for index, stage in enumerate(stages):
                done = len(stage.steps) if index < s else n if index == s else 0
                state, _ = trace.state_of(stage, done)
                if index < s:
                    state[state == trace.NEW] = trace.KEPT
                shown = codes[stage.first : stage.first + stage.rows].copy()
                for step in stage.steps[:done]:
                    shown[step.opened] = step.tokens[step.opened]
                shown[state == trace.WAITING] = -1
                kinds.append(state)
                tokens.append(shown)
            expected.append({"place": [s, n], "kind": np.vstack(kinds).tolist(), "token": np.vstack(tokens).tolist()})
        packed = {"rows": 9, "codes": trace.pack_codes(codes), "stages": [trace.pack_stage(stage) for stage in stages]}
        cases.append({"run": packed, "frames": codes.shape[1], "places": expected})
    modules = tmp_path / "modules"
    shutil.copytree(page.HERE / "js", modules)
    (modules / "package.json").write_text('{"type": "module"}')
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    environment = os.environ | {"MODULES": str(modules), "CASES": str(tmp_path / "cases.json")}
    unit = HERE / "browser" / "js" / "scrubber.test.mjs"
    done = subprocess.run(
        [node(), "--test", str(unit)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- sound --------------------------------------------------------------------------------------------------------


def test_what_is_heard_are_the_guesses_of_the_pass(scrubber_material: Any, player: Any, small: Decoded) -> None:
    codec, heard = scrubber_material.codec(), player.runs[0].sounds
    assert len(heard) == 8
    coarse = codec.decode(small.trace[2].tokens)[0, 0].numpy()
    np.testing.assert_allclose(heard[2], coarse, atol=1e-6)
    fine = codec.decode(torch.cat([small.codes[:, :4], small.trace[6].tokens], dim=1))[0, 0].numpy()
    np.testing.assert_allclose(heard[6], fine, atol=1e-6)
    np.testing.assert_allclose(heard[-1], codec.decode(small.codes)[0, 0].numpy(), atol=1e-6)


def test_opus_stays_in_place(scrubber_material: Any) -> None:
    samples = scrubber_material.clip(172).samples
    back = sound.from_opus(sound.opus_bytes(samples, 44100, 32), 44100, len(samples))
    sharp, other = np.diff(samples), np.diff(back)  # without the bass, which hardly changes from sample to sample
    best = max(range(-200, 201), key=lambda lag: float(np.dot(other[55000 + lag : 80000 + lag], sharp[55000:80000])))
    assert best == 0
    assert si_sdr(back, samples) > 6
    low, high = (len(sound.opus_bytes(samples, 44100, kbps)) for kbps in (16, 64))
    assert low < 16 * 125 * 2 * 1.3 < high


def test_the_plan_takes_the_best_that_fits() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 88200).astype(np.float32)
    rich = sound.plan_for(2.0, [37], [noise], 44100, 10_000_000)
    assert rich == sound.Plan(32, 1, 16)
    plans = [sound.plan_for(2.0, [37], [noise], 44100, room) for room in range(100_000, 1_000_000, 50_000)]
    worth = [(-p.every, p.bits > 0, p.kbps, p.bits) for p in plans]
    assert worth == sorted(worth), "more room never makes it worse"
    assert plans[0].every > 1
    with pytest.raises(ValueError, match="do not fit 9,000 characters"):
        sound.plan_for(2.0, [37], [noise], 44100, 9000)


@given(st.integers(1, 80), st.integers(1, 7))
def test_the_first_and_the_last_pass_are_always_stored(count: int, every: int) -> None:
    numbers = sound.passes_stored(count, every)
    assert numbers[0] == 1
    assert numbers[-1] == count
    assert max(np.diff([0, *numbers])) <= every


def test_sounds_are_numbered_as_they_are_stored(scrubber_material: Any) -> None:
    both = scrubber_material.scrubber(compare=scrubber_material.second(), budget=262_000)
    data = both.data()
    assert both.plan.every > 1, "so little room that passes share sounds"
    rows = [run["sounds"] for run in data["runs"]]
    assert [len(row) for row in rows] == [8, 5]
    assert len({row[-1] for row in rows} | {data["original"]}) == 3
    assert data["original"] == len(data["sounds"]) - 1
    assert set(rows[0][:-1]).isdisjoint(rows[1])
    for row in rows:
        assert row[:-1] == sorted(row[:-1])


def test_lossless_tracks_are_the_integers_that_were_packed(player: Any) -> None:
    import soundfile as sf

    assert player.plan.bits == 16
    result, original = player.integers()
    np.testing.assert_array_equal(original, np.rint(player.original * 32768).astype(np.int16))
    decode = {
        c: i
        for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%,()*+-;.=:?@^_[{|}~")
    }
    assert len(decode) == 85
    text = player.sounds[-1].text
    raw = b"".join(
        int.to_bytes(sum(decode[c] * 85 ** (4 - i) for i, c in enumerate(group.ljust(5, "~"))), 4, "big")[
            : len(group) - 1
        ]
        for group in (text[i : i + 5] for i in range(0, len(text), 5))
    )
    stored, _ = sf.read(io.BytesIO(raw), dtype="int16")
    np.testing.assert_array_equal(stored, original)
    assert len(result) == len(original) == 40 * 512


# --- the player ---------------------------------------------------------------------------------------------------


def test_words_and_note_come_from_the_data(player: Any, small: Decoded) -> None:
    assert "Model: random weights" in player.alt
    assert "6 + 2 passes" in player.alt
    assert "mask temperature 10.5" in player.alt
    assert "seed 0" in player.alt
    for record in (small.trace[0], small.trace[5]):
        assert f"{int(record.done[0])} after pass {record.number}" in player.alt
    kept = small.trace[5].probability[small.trace[5].kept]
    assert f"the {len(kept)} kept in pass 6 of {np.median(kept.numpy()):.3f}" in player.alt
    assert f"{4 * 5} cells are given as prompt" in player.alt, "every ninth of 40 frames"
    assert f"mel distance of {player.errors['opus']:.2f}" in player.note
    assert 0 < player.errors["opus"] < 0.4
    assert "through the 4 coarse codebooks alone" in player.note
    assert "FLAC" in player.note


def test_without_sound_nothing_is_stored(scrubber_material: Any) -> None:
    silent = scrubber_material.scrubber(sound=False)
    assert silent.data()["sounds"] == []
    assert "No sound is stored" in silent.note
    assert silent.integers() == []


def test_the_picture_shows_the_passes(player: Any, scrubber_material: Any) -> None:
    one = Image.open(io.BytesIO(player.png()))
    two = Image.open(io.BytesIO(scrubber_material.scrubber(sound=False, compare=scrubber_material.second()).png()))
    for picture in (one, two):
        assert picture.size[0] == 1000
        assert len(picture.convert("RGB").getcolors(100_000)) > 60
    assert len(player.png()) < 250_000


def test_the_picture_paints_kinds_apart_without_colour() -> None:
    from course_utils.show.scrubber_picture import covers

    shapes = {tuple(covers(kind)) for kind in range(5)}
    assert len(shapes) == 5


def test_a_coarse_decode_alone_is_shown_too(scrubber_material: Any, small: Decoded) -> None:
    made = decode_scrubber(Decoded(small.codes[:, :4], small.trace[:6]), scrubber_material.codec(), sound=False)
    assert made.data()["runs"][0]["rows"] == 4
    assert "Codebooks c0 to c3" in made.alt
    assert made.png()


def test_the_fragment_keeps_within_its_budget(scrubber_material: Any) -> None:
    tight = scrubber_material.scrubber(budget=330_000)
    assert len(tight.html()) <= 330_000
    roomy = scrubber_material.scrubber()
    assert tight.plan.kbps <= roomy.plan.kbps
    assert len(roomy.html()) <= MOST


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, d: (d, {"budget": 3_000_001}), "1 to 3,000,000 characters"),
        (lambda m, d: (d, {"budget": 100_000}), "do not fit"),
        (lambda m, d: (d, {"item": 1}), "clip number 1 is not among the 1"),
        (lambda m, d: (Decoded(d.codes, ()), {}), "no trace"),
        (lambda m, d: (Decoded(d.codes[..., :30], d.trace), {}), "40 frames, the codes 30"),
        (lambda m, d: (Decoded(d.codes[:, :4], d.trace), {}), "speaks of codebook c8"),
        (lambda m, d: (Decoded(d.codes, d.trace[:3]), {}), r"numbered \[1, 2, 3\]: expected one run from 1 to 6"),
        (lambda m, d: (Decoded(d.codes, d.trace[:6] * 2), {}), "decoded in chunks"),
        (lambda m, d: (Decoded(d.codes.clamp(min=1024), d.trace), {}), "not finished"),
        (lambda m, d: (d, {"clip": Clip(np.zeros(512, np.float32), 48000, "x")}), "the clip has 48000 Hz"),
        (lambda m, d: (d, {"compare": Run(m.decoded(30, 6))}), r"\[9, 40\] and \[9, 30\]"),
        (lambda m, d: (d, {"compare": Run(Decoded(d.codes, d.trace[:6]))}), "different stages"),
    ],
)
def test_what_cannot_be_shown_is_refused(scrubber_material: Any, small: Decoded, change: Any, message: str) -> None:
    made, options = change(scrubber_material, small)
    options = {"sound": "budget" in options} | options
    with pytest.raises(ValueError, match=message):
        decode_scrubber(made, scrubber_material.codec(), DecodeSettings(passes=6), **options)


def test_too_many_cells_are_refused(small: Decoded) -> None:
    wide = replace(
        small.trace[0],
        passes=1,
        **{
            n: getattr(small.trace[0], n).repeat(1, 1, 60)
            for n in ("tokens", "probability", "confidence", "kept", "remasked")
        },
    )
    with pytest.raises(ValueError, match="take a shorter clip"):
        trace.stages_of(Decoded(small.codes.repeat(1, 1, 60), (wide,)))
