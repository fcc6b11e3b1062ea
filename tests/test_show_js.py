"""The players' JavaScript: unit tests in node (the one inside playwright), sound packed by Python among their cases."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import lfilter

from course_utils.show import page
from course_utils.show.pack import pack, to_base85, to_integers

UNIT = Path(__file__).parent / "browser" / "js" / "unit.test.mjs"


def node() -> str:
    playwright = pytest.importorskip("playwright", reason="node comes with playwright: pip install playwright")
    found = Path(playwright.__file__).parent / "driver" / ("node.exe" if os.name == "nt" else "node")
    return str(found) if found.exists() else shutil.which("node") or pytest.skip("no node found")


def signals() -> list[tuple[str, list[np.ndarray]]]:
    """Integer tracks that make FLAC use each of its ways to store a block."""
    rng = np.random.default_rng(0)
    at = np.arange(9001)
    sine = np.rint(20000 * np.sin(at / 9.0)).astype(np.int16)
    noise = rng.integers(-32768, 32768, 9001).astype(np.int16)
    quiet = rng.integers(-3, 4, 5000).astype(np.int16)
    click = np.zeros(9001, np.int16)
    click[[0, 4500, 9000]] = [32767, -32768, 1]
    ramp = (np.arange(9001) % 65536 - 32768).astype(np.int16)
    music = np.rint(9000 * np.sin(at / 30) * np.exp(-at / 4000) + rng.normal(0, 40, 9001)).astype(np.int16)
    cases = [
        ("sine", [sine]),
        ("noise at full scale", [noise]),
        ("silence", [np.zeros(4097, np.int16)]),
        ("constant", [np.full(10000, -77, np.int16)]),
        ("quiet noise", [quiet]),
        ("clicks", [click]),
        ("ramp", [ramp]),
        ("one sample", [np.array([-5], np.int16)]),
        ("twelve bits", [to_integers(music / 32768.0, 12)]),
        ("differences that wrap", [sine, noise, (noise // 2).astype(np.int16), music]),
        ("levels", [music, (music + rng.integers(-9, 9, 9001)).astype(np.int16)]),
    ]
    for n in range(20):
        length = int(rng.integers(1, 12000))
        scale = 2.0 ** rng.uniform(0, 15)
        walk = np.cumsum(rng.normal(0, scale / 30, length)) % (2 * scale) - scale
        cases.append((f"walk {n}", [np.clip(np.rint(walk), -32768, 32767).astype(np.int16)]))
    return cases


def plain_cases() -> list[dict]:
    """FLAC as a fast encoder writes it: fixed predictors of every order (order n suits noise smoothed n times)."""
    rng = np.random.default_rng(5)
    cases = []
    for order, pole in itertools.product(range(5), (0.8, 0.9, 0.95, 0.98)):
        smooth = rng.normal(0, 1, 6000)
        for _ in range(order):
            smooth = lfilter([1.0], [1.0, -pole], smooth)
        samples = np.rint(smooth / np.abs(smooth).max() * 32000).astype(np.int16)
        buffer = io.BytesIO()
        sf.write(buffer, samples, 44100, format="FLAC", subtype="PCM_16", compression_level=0.0)
        track = {"flac": to_base85(buffer.getvalue()), "plus": None}
        cases.append({"name": f"smoothed {order} times by {pole}", "tracks": [track], "expected": [samples.tolist()]})
    return cases


def test_javascript_units(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    shutil.copytree(page.HERE / "js", modules)
    (modules / "package.json").write_text('{"type": "module"}')
    cases = [
        {
            "name": name,
            "tracks": [t.data() for t in pack(tracks, [16] * len(tracks), 44100)],
            "expected": [t.tolist() for t in tracks],
        }
        for name, tracks in signals()
    ] + plain_cases()
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    environment = os.environ | {"MODULES": str(modules), "CASES": str(tmp_path / "cases.json")}
    done = subprocess.run(
        [node(), "--test", str(UNIT)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout, done.stdout
