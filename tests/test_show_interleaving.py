"""The interleaving stepper in Python: equal to its JavaScript at every delta; words, picture and refusals."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from course_utils.amt import interleave, token_lists, vocab
from course_utils.show import interleaving_stepper, page
from course_utils.show.interleaving import SHIFTS

HERE = Path(__file__).parent
DELTAS = [n / 10 for n in range(101)]  # 0 to 10 s


@pytest.fixture(scope="module")
def material() -> Iterator[Any]:
    sys.path.insert(0, str(HERE / "browser"))
    try:
        import amt_material

        yield amt_material
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def player(material: Any) -> Any:
    return material.stepper()


def drawn(seed: int, events: int, controls: int, rests: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Events and controls drawn at random, many on the same tick, some of them equal."""
    rng = np.random.default_rng(seed)

    def rows(count: int) -> np.ndarray:
        times = np.sort(rng.integers(0, 60, count)) * 25
        durations, notes = rng.integers(1, 3, count), rng.integers(0, 3, count)
        return np.stack([times, vocab.DUR_OFFSET + durations, vocab.NOTE_OFFSET + notes], axis=1)

    made = rows(events)
    if rests:
        made = token_lists.pad(made, 1700, 50)
    return made, vocab.as_controls(rows(controls))


def arranged(events: np.ndarray, controls: np.ndarray, deltas: list[float]) -> list[dict[str, Any]]:
    out = []
    for mode in interleave.MODES:
        for delta in deltas if mode == "anticipation" else [5.0]:
            made = interleave.arrange(events, controls, mode, delta)
            far = interleave.distances(made)
            order = np.where(made.event >= 0, made.event, made.control + len(events))
            out.append(
                {
                    "mode": mode,
                    "delta": delta,
                    "order": order.tolist(),
                    "tokens": made.tokens.reshape(-1).tolist(),
                    "leftover": len(made.leftover),
                    "far": far.tokens.tolist(),
                    "median": far.median if len(far.tokens) else None,
                    "max": far.max,
                }
            )
    return out


def violations(events: np.ndarray, controls: np.ndarray, deltas: list[float]) -> list[dict[str, Any]]:
    shifts = (*SHIFTS, int(vocab.onsets(controls).max()) + 1)
    out = []
    for mode in interleave.MODES:
        for delta in deltas if mode == "anticipation" else [5.0]:
            found = interleave.stopping_time_violations(interleave.rule_of(mode, delta), events, controls, shifts)
            out.append({"mode": mode, "delta": delta, "histories": [len(v.history) for v in found]})
    return out


def test_javascript_arranges_as_python_does_at_every_delta(material: Any, player: Any, tmp_path: Path) -> None:
    from test_show_js import node

    real = (player.events, player.controls)
    short = material.melody_and_rest(4.0)
    chosen = [(*real, DELTAS, [5.0]), (*short, DELTAS, [0.0, 0.5, 5.0])]
    chosen += [(*drawn(seed, 30, 12, seed % 2 == 0), DELTAS, [0.0, 0.7, 3.0]) for seed in range(8)]
    chosen += [(*drawn(90, 1, 5), [0.0, 2.0], []), (*drawn(91, 9, 0), [1.0], [])]
    cases = [
        {
            "events": events.tolist(),
            "controls": controls.tolist(),
            "arranged": arranged(events, controls, deltas),
            "tested": violations(events, controls, probes) if probes else [],
        }
        for events, controls, deltas, probes in chosen
    ]
    assert any(one["histories"] for case in cases for one in case["tested"])
    modules = tmp_path / "modules"
    shutil.copytree(page.HERE / "js", modules)
    (modules / "package.json").write_text('{"type": "module"}')
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    environment = os.environ | {"MODULES": str(modules), "CASES": str(tmp_path / "cases.json")}
    unit = HERE / "browser" / "js" / "anticipate.test.mjs"
    done = subprocess.run(
        [node(), "--test", str(unit)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 6" in done.stdout or "\u2139 pass 6" in done.stdout, done.stdout


def test_words_come_from_the_arrangements(player: Any) -> None:
    for mode in ("seq2seq", "sort", "anticipation"):
        far = interleave.distances(player.arrangements[mode])
        assert f"{far.median:g} tokens (median), {far.max} at most" in player.alt
    assert f"unknown after {player.unknown['sort']} of {len(player.events)} events" in player.alt
    assert player.unknown["sort"] > 0.9 * len(player.events)
    assert [player.unknown[mode] for mode in ("autoregressive", "seq2seq", "anticipation")] == [0, 0, 0]
    assert f"{len(player.controls)} controls" in player.alt
    assert "Freedoom" in player.alt


def test_data_holds_the_tokens_and_nothing_that_json_cannot(player: Any) -> None:
    data = json.loads(page.as_json(player.data()))
    rows = np.array(data["tokens"]).reshape(-1, 3)
    np.testing.assert_array_equal(rows[: data["events"]], player.events)
    np.testing.assert_array_equal(rows[data["events"] :], player.controls)
    assert player.arrangements["anticipation"].control[data["place"]] >= 0, "it begins where a control is due"
    assert len(player.html()) < 400_000


def test_rests_are_put_in_up_to_the_last_onset(material: Any) -> None:
    events, controls = material.melody_and_rest(4.0)
    late = token_lists.translate(controls, 600)
    padded = interleaving_stepper(events, late)
    rests = vocab.is_rest(padded.events)
    assert rests.sum() > 3
    assert np.diff(vocab.onsets(padded.events)).max() <= vocab.TIME_RESOLUTION
    assert not vocab.is_rest(interleaving_stepper(events, late, pad=False).events).any()
    again = interleaving_stepper(padded.events, late)
    np.testing.assert_array_equal(again.events, padded.events)


def test_the_picture_shows_four_orders(player: Any) -> None:
    picture = Image.open(io.BytesIO(player.png()))
    assert picture.size == (1000, 760)
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    orange = (np.abs(pixels.astype(int) - [180, 81, 11]).sum(1) < 12).sum()
    assert orange > 2000, "controls stand out"


def test_bad_input_is_refused(material: Any) -> None:
    events, controls = material.melody_and_rest(4.0)
    with pytest.raises(ValueError, match="0 controls"):
        interleaving_stepper(events, controls[:0])
    with pytest.raises(ValueError, match="0 events"):
        interleaving_stepper(events[:0], controls)
    with pytest.raises(ValueError, match="mode is 'sorted'"):
        interleaving_stepper(events, controls, mode="sorted")
    with pytest.raises(ValueError, match=r"delta is -1"):
        interleaving_stepper(events, controls, delta=-1)
    with pytest.raises(ValueError, match="more than can be told apart"):
        interleaving_stepper(np.repeat(events, 40, axis=0), controls)
    with pytest.raises(vocab.TokensError, match="controls hold events"):
        interleaving_stepper(events, events)
    with pytest.raises(vocab.TokensError, match="order of time"):
        interleaving_stepper(events, controls[::-1])
