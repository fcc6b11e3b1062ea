"""The material in data/: complete, declared, unchanged, and as good as data/README.md says."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import shutil
import struct
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pretty_midi
import pyloudnorm
import pytest
import soundfile

from course_utils.synth.soundfont import read_presets
from course_utils.train.corpus import FIRST_TRAINING_SEED

DATA = Path(__file__).resolve().parent.parent / "data"
FONT = DATA / "soundfont" / "FluidR3Mono_GM_small.sf3"
PIECES = sorted((DATA / "midi" / "freedoom").glob("*.mid"))
CLIPS = {"electronic": 10.0, "guitar": 10.0, "ladder": 4.0}


def load_scripts(*names: str) -> list[ModuleType]:
    """Import builder scripts, which are not a package, as running one of them would."""
    sys.path.insert(0, str(DATA / "build"))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(DATA / "build"))


manifest, packages, freedoom, soundfont_cutter, songs = load_scripts(
    "manifest", "packages", "freedoom", "soundfont", "songs"
)


def samples_of(name: str) -> np.ndarray:
    return soundfile.read(DATA / "clips" / f"{name}.flac", dtype="float64")[0]


# --- the manifest ---------------------------------------------------------------------------------------------------


def test_manifest_and_folder_agree():
    assert manifest.differences(manifest.read(DATA), manifest.scan(DATA)) == []


def test_manifest_is_read_the_same_without_our_code(record_property):
    entries = json.loads((DATA / "manifest.json").read_text("utf-8"))
    assert all(set(entry) == {"file", "licence", "source", "how", "sha256", "bytes"} for entry in entries)
    assert all(all(entry.values()) for entry in entries)
    for entry in entries:
        content = (DATA / entry["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"]), entry["file"]
    total = sum(entry["bytes"] for entry in entries)
    record_property("data_bytes", total)
    print(f"data/: {len(entries)} files, {total / 1e6:.1f} MB")
    assert total < 90e6


def test_every_licence_file_named_is_there():
    named = {entry.licence.partition("(")[2].rstrip(")").split(": ")[-1] for entry in manifest.read(DATA)}
    paths = {name for name in named if name.endswith(".txt")}
    assert {"clips/LICENCE-samples-CC0.txt", "midi/freedoom/LICENCE-freedoom.txt"} <= paths
    for name in paths:
        assert (DATA / name).stat().st_size > 1000, name


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "clips", tmp_path / "clips")
    manifest.write(tmp_path)
    return tmp_path


def test_manifest_notices_one_flipped_bit(small_data: Path):
    clip = small_data / "clips" / "ladder.flac"
    content = bytearray(clip.read_bytes())
    content[5000] ^= 1
    clip.write_bytes(content)
    found = manifest.differences(manifest.read(small_data), manifest.scan(small_data))
    assert len(found) == 1
    assert "clips/ladder.flac: sha256" in found[0]


def test_manifest_notices_a_missing_and_an_unlisted_file(small_data: Path):
    (small_data / "clips" / "guitar.mid").unlink()
    (small_data / "models" / "codec").mkdir(parents=True)
    (small_data / "models" / "codec" / "card.json").write_text("{}")
    found = manifest.differences(manifest.read(small_data), manifest.scan(small_data))
    assert found == [
        "clips/guitar.mid is listed but not there",
        "models/codec/card.json is there but not listed",
    ]


def test_manifest_refuses_a_file_of_unknown_origin(small_data: Path):
    (small_data / "clips" / "found_somewhere.flac").write_bytes(b"?")
    with pytest.raises(manifest.UnknownOriginError, match=r"clips/found_somewhere\.flac has no declared origin"):
        manifest.write(small_data)


# --- the clips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seconds"), CLIPS.items())
def test_clip_format(name: str, seconds: float):
    info = soundfile.info(DATA / "clips" / f"{name}.flac")
    assert (info.samplerate, info.channels, info.subtype) == (44100, 1, "PCM_16")
    assert info.frames == round(seconds * 44100)


@pytest.mark.parametrize("name", CLIPS)
def test_clip_level(name: str):
    samples = samples_of(name)
    assert pyloudnorm.Meter(44100).integrated_loudness(samples) == pytest.approx(-16, abs=0.05)
    assert 0.5 < np.abs(samples).max() <= 0.89
    assert abs(samples.mean()) < 1e-4
    flat = (np.abs(samples) > 0.88) & (np.diff(samples, prepend=0) == 0)
    assert flat.sum() == 0, "equal samples at the very top: clipped"


@pytest.mark.parametrize("name", CLIPS)
def test_clip_loops_without_a_step(name: str):
    samples = samples_of(name)
    steps = np.abs(np.diff(samples))
    assert abs(samples[0] - samples[-1]) <= np.percentile(steps, 95)


@pytest.mark.parametrize("name", CLIPS)
def test_clip_has_every_register(name: str):
    power = np.abs(np.fft.rfft(samples_of(name))) ** 2
    frequency = np.fft.rfftfreq(len(samples_of(name)), 1 / 44100)
    for low, high, floor in ((40, 150, -25), (150, 600, -12), (600, 2400, -20), (2400, 8000, -25), (8000, 16000, -40)):
        share = power[(frequency >= low) & (frequency < high)].sum() / power.sum()
        assert 10 * np.log10(share) > floor, f"{name}: {low}-{high} Hz"


def test_electronic_onsets_sit_on_the_sixteenth_grid():
    onsets = onset_times(samples_of("electronic"))
    grid = 60 / 120 / 4
    distance = (onsets + grid / 2) % grid - grid / 2
    distance -= np.median(distance)  # a detector reports every onset a little late
    assert len(onsets) >= 50
    assert np.mean(np.abs(distance) < 0.02) > 0.95
    # The same measure must reject another tempo, or it would accept anything.
    wrong = 60 / 131 / 4
    assert np.mean(np.abs((onsets + wrong / 2) % wrong - wrong / 2) < 0.02) < 0.6


def onset_times(samples: np.ndarray) -> np.ndarray:
    """Times in seconds at which the log energy of high-passed 6 ms blocks jumps by 6 dB over the 30 ms before."""
    block = 256
    edges = np.diff(samples, prepend=0)[: len(samples) // block * block].reshape(-1, block)
    level = 10 * np.log10((edges**2).mean(axis=1) + 1e-7)
    before = np.array([level[max(0, i - 5) : i].mean() if i else -70 for i in range(len(level))])
    rise = level - before
    peaks = [i for i in range(1, len(rise) - 1) if rise[i] > 6 and rise[i] == rise[max(0, i - 6) : i + 7].max()]
    return np.array(peaks) * block / 44100


def test_guitar_notes_are_four_bars_of_a_steel_guitar():
    midi = pretty_midi.PrettyMIDI(str(DATA / "clips" / "guitar.mid"))
    (track,) = midi.instruments
    assert track.program == 25
    assert midi.get_end_time() == pytest.approx(10.0, abs=0.01)
    bass = [note.pitch % 12 for note in track.notes if abs(note.start % 2.5) < 0.02 and note.pitch < 50]
    assert bass == [9, 5, 0, 11]  # A, F, C, B


# --- soundfont and MIDI ---------------------------------------------------------------------------------------------


def test_soundfont_has_the_documented_presets():
    text = (DATA / "README.md").read_text("utf-8")
    presets = read_presets(FONT)
    programs = [preset.program for preset in presets if preset.bank == 0]
    assert programs == [0, 4, 16, 24, 25, 27, 29, 30, 32, 33, 38, 48, 56, 73, 80, 81, 89]
    assert [(p.bank, p.program) for p in presets if p.bank] == [(128, 0)]
    listing = text.partition("Bank 0:")[2].partition("Bank 128:")[0]
    assert [int(word) for word in listing.split() if word.isdigit()] == programs


@pytest.mark.slow
def test_every_piece_loads_and_the_totals_are_as_documented():
    notes, seconds, instruments = 0, 0.0, []
    for path in PIECES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # tempo changes on later tracks
            midi = pretty_midi.PrettyMIDI(str(path))
        here = sum(len(track.notes) for track in midi.instruments)
        assert here > 20, path.name
        assert 2 < midi.get_end_time() < 1200, path.name
        notes, seconds = notes + here, seconds + midi.get_end_time()
        instruments.append(len({(track.program, track.is_drum) for track in midi.instruments if track.notes}))
    found = f"{len(PIECES)} pieces for {min(instruments)} to {max(instruments)} instruments"
    found += f", {seconds / 3600:.1f} hours, {notes:,} notes"
    assert found in (DATA / "README.md").read_text("utf-8")


def test_the_shipped_songs_are_what_the_script_writes_and_are_held_out(tmp_path: Path):
    songs.build(tmp_path, None)
    made = {path.name: path.read_bytes() for path in (tmp_path / "midi" / "songs").iterdir()}
    shipped = {path.name: path.read_bytes() for path in (DATA / "midi" / "songs").iterdir()}
    assert made == shipped
    assert max(songs.SONGS.values()) < FIRST_TRAINING_SEED
    text = (DATA / "README.md").read_text("utf-8")
    midi = pretty_midi.PrettyMIDI(str(DATA / "midi" / "songs" / "ballad.mid"))
    assert f"{midi.get_end_time():.0f} s for {len(midi.instruments)} instruments" in text


# --- the builder's readers ------------------------------------------------------------------------------------------


def test_missing_package_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(packages.MissingPackageError, match="npm pack supersonic-scsynth-samples"):
        packages.SAMPLES_NPM.read("package/LICENSE", tmp_path)


def tarball(member: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def ar_member(name: str, content: bytes) -> bytes:
    """A file in an `ar` archive: name, time, owner, group, mode, size, end mark; padded to an even length."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
    return header.encode("ascii") + content + b"\n" * (len(content) % 2)


def test_packages_of_all_three_kinds_are_read(tmp_path: Path):
    inside = tarball("./usr/share/doc/freedoom/copyright", b"free")
    (tmp_path / "freedoom_0.12.1-2_all.deb").write_bytes(
        b"!<arch>\n" + ar_member("debian-binary", b"2.0") + ar_member("data.tar.xz", inside)
    )
    (tmp_path / "supersonic-scsynth-samples-1.tgz").write_bytes(tarball("package/LICENSE", b"CC0"))
    with zipfile.ZipFile(tmp_path / "vizdoom-1.3.2-any.whl", "w") as wheel:
        wheel.writestr("vizdoom/readme", "game")
    assert packages.FREEDOOM.read("usr/share/doc/freedoom/copyright", tmp_path) == b"free"
    assert packages.SAMPLES_NPM.read("package/LICENSE", tmp_path) == b"CC0"
    assert packages.VIZDOOM.read("vizdoom/readme", tmp_path) == b"game"
    with pytest.raises(KeyError, match="holds no package/readme"):
        packages.SAMPLES_NPM.read("package/readme", tmp_path)


def test_another_release_is_refused():
    with pytest.raises(ValueError, match="another release"):
        packages.verified(b"not the loop", "usr/share/sonic-pi/samples/loop_mika.flac")


def test_debian_package_without_data_is_refused(tmp_path: Path):
    broken = tmp_path / "freedoom_0.12.1-2_all.deb"
    broken.write_bytes(b"!<arch>\n")
    with pytest.raises(ValueError, match=r"no data\.tar"):
        packages.read_from_archive(broken, "usr/share/doc/freedoom/copyright")


def test_cutting_the_small_font_again_changes_nothing():
    content = FONT.read_bytes()
    cut = soundfont_cutter.Cut(content)
    for index in range(len(cut.old[b"phdr"]) - 1):
        cut.keep_preset(index)
    assert cut.finish("FluidR3Mono GM (MIT licence), cut to drum kit 0 and 17 programs for a course.") == content


def test_a_cut_keeps_only_what_its_presets_need():
    whole = soundfont_cutter.Cut(FONT.read_bytes())
    flute = next(i for i, header in enumerate(whole.old[b"phdr"]) if header[1] == 73)
    whole.keep_preset(flute)
    assert 0 < len(whole.samples) < 1_000_000
    assert len(whole.new[b"inst"]) == 1


def wad(*lumps: tuple[bytes, bytes]) -> bytes:
    """A WAD of the given lumps."""
    body, directory, position = b"", b"", 12
    for name, content in lumps:
        directory += struct.pack("<ii8s", position, len(content), name)
        body, position = body + content, position + len(content)
    return struct.pack("<4sii", b"IWAD", len(lumps), position) + body + directory


def test_music_is_found_in_a_wad():
    piece = (DATA / "clips" / "guitar.mid").read_bytes()
    made = wad((b"PLAYPAL", b"\1\2\3"), (b"D_E1M1", piece), (b"DEMO1", b""))
    assert list(freedoom.music(made)) == [("D_E1M1", piece)]


def test_old_music_format_and_other_files_are_refused():
    with pytest.raises(ValueError, match="D_INTRO is in MUS format"):
        list(freedoom.music(wad((b"D_INTRO", b"MUS\x1a...."))))
    with pytest.raises(ValueError, match="not a WAD"):
        list(freedoom.music(b"RIFF" + bytes(20)))


def test_two_versions_of_a_piece_are_one():
    notes = freedoom.notes_of(PIECES[0].read_bytes())
    assert freedoom.shared(notes, notes) == 1.0
    assert freedoom.shared(notes, freedoom.notes_of(PIECES[5].read_bytes())) < freedoom.SAME_PIECE
