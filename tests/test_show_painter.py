"""The mask painter: its masks are Python's, its line of text comes back, its player says what it shows."""

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
import soundfile as sf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.show import page
from course_utils.show.pack_lossy import find_start, from_mp3, lossy_note, pack_lossy, pack_lossy_within, to_mp3
from course_utils.vampnet import Mask, MaskError, mask_text, masks, painted

UNIT = Path(__file__).parent / "browser" / "js" / "masks.test.mjs"
RATE = 44100
FRAMES = 44100 / 512
BEATS = [0.0, 0.31, 1.004, 2.5, 9.99]


def node() -> str:
    playwright = pytest.importorskip("playwright", reason="node comes with playwright: pip install playwright")
    found = Path(playwright.__file__).parent / "driver" / ("node.exe" if os.name == "nt" else "node")
    return str(found) if found.exists() else shutil.which("node") or pytest.skip("no node found")


def mask_case(name: str, how: str, mask: Mask, upper: int | None = None, **options: float) -> dict[str, Any]:
    """One mask as Python makes it, and what the page is asked to make."""
    mask = mask if upper is None else masks.mask_upper(mask, upper)
    figures = {
        "kept": mask.n_kept,
        "fraction": mask.kept_fraction,
        "by_codebook": mask.kept_by_codebook,
        "bits_per_second": mask.bits_per_second(FRAMES),
    }
    return {"name": name, "how": how, "shape": mask.shape[1:], "options": options, "rate": FRAMES, "times": BEATS,
            "upper": upper, "text": mask_text(mask), "figures": figures}  # fmt: skip


def mask_cases() -> list[dict[str, Any]]:
    cases = []
    rng = np.random.default_rng(3)
    for shape in ((1, 9, 862), (1, 4, 862), (1, 9, 861), (1, 14, 100)):
        for period, width in ((9, 1), (5, 1), (2, 1), (1, 1), (7, 2), (32, 5), (13, 4), (2000, 3)):
            roll = int(rng.integers(0, period))
            mask = masks.periodic(shape, period, width, roll)
            cases.append(mask_case(f"period {period}, {width}, {roll} {shape}", "periodic", mask,
                                   period=period, width=width, roll=roll))  # fmt: skip
        for k in range(shape[1] + 1):
            cases.append(mask_case(f"compress {k} {shape}", "compression", masks.compression(shape, k), codebooks=k))
        for ratio, seed in ((0.0, 0), (0.5, 1), (0.8, 7), (0.1, 123456789), (1.0, 2)):
            mask = masks.random_ratio(shape, ratio, seed)
            cases.append(mask_case(f"random {ratio} {seed} {shape}", "randomRatio", mask, ratio=ratio, seed=seed))
    shape = (1, 9, 862)
    for start, stop in ((3, 7), (0, 0.5), (9, 99), (1.0031, 1.0151), (0.0116, 0.5)):
        mask = masks.inpaint_span(shape, start, stop, FRAMES)
        cases.append(mask_case(f"inpaint {start} {stop}", "inpaintSpan", mask, start=start, stop=stop))
    for before, after in ((0, 0.075), (0.03, 0.03), (0, 0.08), (0.5, 0), (0.011610, 0.023220)):
        mask = masks.beats(shape, BEATS, FRAMES, before, after)
        cases.append(mask_case(f"beats {before} {after}", "beats", mask, before=before, after=after))
    for prefix in (1, 100, 431, 861):
        mask = masks.continuation(shape, prefix)
        cases.append(mask_case(f"continue {prefix}", "continuation", mask, prefix=prefix))
    for upper in (0, 3, 9):
        mask = masks.periodic(shape, 9)
        cases.append(mask_case(f"upper {upper}", "periodic", mask, upper, period=9, width=1, roll=0))
    return cases


def sound_cases() -> list[dict[str, Any]]:
    """MP3 streams as libsndfile decodes them: with the delay taken off, and (too low a rate for that) without."""
    rng = np.random.default_rng(2)
    cases = []
    for name, sound in (("noise", rng.normal(0, 0.2, 4000)), ("sine", np.sin(np.arange(5000) / 9)), ("one", [0.5])):
        for kbits in (96, 48):
            samples = np.asarray(sound, dtype=np.float64)
            stream = to_mp3(samples, RATE, kbits)
            decoded = sf.read(io.BytesIO(stream), dtype="float32")[0]
            cases.append({"name": f"{name} {kbits}", "decoded": decoded.tolist(), "length": len(samples),
                          "expected": from_mp3(stream, len(samples)).tolist()})  # fmt: skip
    return cases


def test_the_page_makes_the_masks_that_python_makes(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    shutil.copytree(page.HERE / "js", modules)
    (modules / "package.json").write_text('{"type": "module"}')
    cases = {"masks": mask_cases(), "sounds": sound_cases()}
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    environment = os.environ | {"MODULES": str(modules), "CASES": str(tmp_path / "cases.json")}
    done = subprocess.run(
        [node(), "--test", str(UNIT)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout, done.stdout


# --- the line of text ---------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 70), st.floats(0, 1), st.integers(0, 2**31))
def test_every_mask_comes_back_from_its_line(codebooks: int, frames: int, ratio: float, seed: int) -> None:
    mask = masks.random_ratio((1, codebooks, frames), ratio, seed)
    assert painted(mask_text(mask)) == mask
    assert painted(mask_text(mask), (3, codebooks, frames)).generate.eq(mask.generate).all()
    assert painted(mask_text(mask), (3, codebooks, frames)).shape == (3, codebooks, frames)


def test_lines_are_short_and_as_described() -> None:
    shape = (1, 9, 862)
    assert mask_text(masks.periodic(shape, 9)) == "9x862 c0-8:(1k8g)x95,1k6g"
    assert mask_text(masks.compression(shape, 3)) == "9x862 c0-2:862k c3-8:862g"
    assert mask_text(masks.inpaint_span(shape, 3, 7, FRAMES)) == "9x862 c0-8:259k344g259k"
    assert len(mask_text(masks.random_ratio(shape, 0.5))) < 2100, "bits should be written as such where runs are longer"
    assert painted("2x6 c0:1k5g c1:=3c") == Mask(torch.tensor([[[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]]]))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "begins with codebooks x frames"),
        ("mask = painted(", "begins with codebooks x frames"),
        ("9x862", "codebooks 0 to 8 are missing"),
        ("2x5 c0:5k", "codebooks 1 to 1 are missing"),
        ("2x5 c1:5k c0:5k", "described where c0"),
        ("2x5 c0-2:5k", "described where c0"),
        ("2x5 c0-1:4k", "fill 4 of 5 frames"),
        ("2x5 c0-1:6k", "longer than the 5 frames"),
        ("2x5 c0-1:(1k1g)x999999999", "longer than the 5 frames"),
        ("2x5 c0-1:5z", "cannot read '5z'"),
        ("2x5 c0-1:3k, 2g", "cannot read ','"),
        ("2x5 c0-1:(1k1g)x2,", "cannot read"),
        ("2x5 c0-1:0k5g", "cannot read"),
        ("2x5 5k", "expected codebooks and runs"),
        ("2x5 c0-1:=f", "take 2 hexadecimal digits"),
        ("2x5 c0-1:=zz", "hexadecimal digits"),
        ("2x5 c0-1:=ff", "beyond the last of 5"),
        ("99999999x5 c0:5k", "begins with codebooks x frames"),
    ],
)
def test_a_damaged_line_is_refused(line: str, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        painted(line)


def test_a_line_painted_on_other_codes_is_refused() -> None:
    with pytest.raises(MaskError, match=r"painted on 2 codebooks x 5 frames, the codes are \[1, 9, 862\]"):
        painted("2x5 c0-1:5k", (1, 9, 862))
    with pytest.raises(MaskError, match="no clip 1"):
        mask_text(masks.full((1, 2, 3)), 1)


# --- sound with loss ----------------------------------------------------------------------------------------------


def tone(seconds: float = 1.0) -> np.ndarray:
    """Three notes and a click, float32 [N]."""
    at = np.arange(int(seconds * RATE)) / RATE
    sound = sum(0.1 * np.sin(2 * np.pi * f * at) for f in (220, 331, 498))
    sound[5000:5020] += 0.4
    return sound.astype(np.float32)


@pytest.mark.parametrize("kbits", [160, 96, 64, 48])
def test_a_lossy_track_comes_back_on_its_sample(kbits: int) -> None:
    sound = tone()
    back = from_mp3(to_mp3(sound, RATE, kbits), len(sound))
    assert back.shape == sound.shape
    match = [float(np.dot(sound[100:-100], np.roll(back, lag)[100:-100])) for lag in range(-3, 4)]
    assert int(np.argmax(match)) == 3, "the sound is late or early"
    assert abs(int(np.argmax(np.abs(back))) - int(np.argmax(np.abs(sound)))) < 20


def test_lossy_tracks_say_their_error_and_keep_the_budget() -> None:
    sounds = [tone(), tone() * 0.1]
    good, small = pack_lossy(sounds, RATE, 160), pack_lossy(sounds, RATE, 64)
    assert all(a.snr > b.snr > 5 for a, b in zip(good, small, strict=True))
    assert sum(len(track.mp3) for track in small) < 27_000
    assert pack_lossy_within(sounds, RATE, 27_000)[0].kbits == 64
    assert pack_lossy_within(sounds, RATE, 10**6)[0].kbits == 160
    assert f"{small[0].kbits} kbit/s" in lossy_note(small)
    assert f"{min(t.snr for t in small):.0f}" in lossy_note(small)
    with pytest.raises(ValueError, match="do not fit 1,000 characters even at 64"):
        pack_lossy_within(sounds, RATE, 1000)
    with pytest.raises(ValueError, match="expected finite samples"):
        pack_lossy([np.array([0.0, np.nan])], RATE, 96)
    with pytest.raises(ValueError, match="marker"):
        find_start(np.zeros(10000))


# --- the player ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def painter(painter_material: Any) -> Any:
    return painter_material.small_painter()


def test_the_painter_says_what_its_masks_keep(painter: Any) -> None:
    for name, mask in painter.first_masks():
        assert f"{name} keeps {mask.kept_fraction:.1%}" in painter.alt
    assert "Recorded and to be heard without a kernel: Vamp, Inpaint, Beats." in painter.alt
    assert "made by the no model, seed 3" in painter.note
    assert "4 beats (given)" in painter.note
    data = painter.data()
    assert [item["track"] for item in data["recorded"]] == [1, 2, 3]
    assert len(data["tracks"]) == 4
    assert painted(data["recorded"][0]["mask"]) == painter.recorded[0].strategy.mask
    assert painter.png().startswith(b"\x89PNG")
    json.dumps(data, allow_nan=False)


def test_a_recording_must_be_what_its_button_makes(painter_material: Any) -> None:
    codes = painter_material.codes_of()
    faithful = painter_material.results(codes, "faithful", ("vamp",))
    with pytest.raises(ValueError, match="made with another mask than its button makes in the style 'wild'"):
        painter_material.mask_painter(codes, painter_material.CODEC, recorded=faithful)
    painter_material.mask_painter(codes, painter_material.CODEC, recorded=faithful, style="faithful")
    with pytest.raises(ValueError, match="'beat' only with beats"):
        painter_material.mask_painter(codes, painter_material.CODEC, first="beat")
    with pytest.raises(MaskError, match="choose a clip of the batch"):
        painter_material.mask_painter(codes.expand(2, -1, -1), painter_material.CODEC)
    short = [replace(faithful[0], samples=np.zeros(100))]
    with pytest.raises(ValueError, match="has 100 samples"):
        painter_material.mask_painter(codes, painter_material.CODEC, recorded=short, style="faithful")


def test_a_coarse_grid_can_be_painted_too(painter_material: Any) -> None:
    codes = painter_material.codes_of()[:, :4]
    painter = painter_material.mask_painter(codes, painter_material.CODEC)
    assert len(painter.data()["codes"]) == 4
    assert dict(painter.first_masks())["Compress"].kept_by_codebook == [1.0, 0.0, 0.0, 0.0]
    assert "Beats" not in painter.alt
    with pytest.raises(ValueError, match="has no models"):
        painter.make(painter.mask_of("vamp"))


def test_the_buttons_masks_are_those_of_the_strategies(painter_material: Any) -> None:
    from course_utils.show.painter import button_mask, buttons
    from course_utils.vampnet.strategies import STRATEGIES, strategy

    for seconds in (2.0, 10.0, 12.0):
        shape = painter_material.codes_of(seconds).shape
        for style in ("wild", "faithful"):
            made = {button.id: button for button in buttons(style, shape, FRAMES)}
            for name in STRATEGIES:
                times = painter_material.BEATS.times
                expected = strategy(name, style, shape, FRAMES, times).mask
                assert button_mask(made[name], made[name].values, shape, FRAMES, times) == expected, (name, seconds)


def test_a_kernel_hears_the_page_and_keeps_the_prompt(painter_material: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipywidgets")
    import IPython.display

    from course_utils.show.painter import Bridge

    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **how: shown.append((data, how)))
    painter = painter_material.small_painter(models=painter_material.tiny_models())
    bridge = Bridge(painter)
    bridge.show()
    assert shown[-1][1]["display_id"] == bridge.place
    mask = painter.mask_of("inpaint")
    bridge.question.value = f"r1 {mask_text(mask)}"
    assert bridge.reply.value.startswith(f"r1 done: Kept {mask.n_kept} tokens")
    assert bridge.made.outcome.kept_exact
    assert shown[-1][1]["update"]
    assert "Your prompt" in shown[-1][0]["text/plain"]
    bridge.question.value = "r2 9x862 c0-8:862k"
    assert bridge.reply.value.startswith("r2 error: the mask was painted on 9 codebooks x 862 frames")
    bridge.question.value = "nothing to ask"
    assert bridge.reply.value.startswith("nothing error: a painted mask begins with codebooks x frames")
