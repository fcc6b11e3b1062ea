"""What can be wrong with the input, the model and the disk: each has its own clear error, and leaves nothing behind."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile as sf
import torch
from course_command import exit_status

from course_utils.audio import AudioError, blocks, load_audio, mel_distance, si_sdr
from course_utils.codec import load_codec
from course_utils.paths import data_folder

Run = Callable[..., tuple[int, str, str]]
WEIGHTS = Path("models/course-codec/weights.safetensors")


@pytest.fixture
def run_course(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `course` with arguments; exit status, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = exit_status(*arguments)
        seen = capfd.readouterr()
        return status, seen.out, seen.err

    return run


def tone(seconds: float, rate: int = 44100) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 330 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


# Files that are no usable sound


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("Dear sound, please be here.\n")


def no_samples(path: Path) -> None:
    sf.write(path, np.zeros(0), 44100)


def not_numbers(path: Path) -> None:
    x = np.tile(tone(1), 4)
    x[[100_000, 100_001, 150_000]] = np.nan, np.inf, -np.inf
    sf.write(path, x, 44100, subtype="FLOAT")


def folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    pass


def cut_off(path: Path) -> None:
    sf.write(path, tone(1), 44100)
    path.write_bytes(path.read_bytes()[:20])


BAD = [
    (empty, r"is empty \(0 bytes\)"),
    (text, r"is not audio that can be read: it starts with b'Dear sound, plea'"),
    (no_samples, r"is 0 s long"),
    (not_numbers, r"3 samples that are NaN or infinite, the first at 2\.2676 s \(frame 100000\)"),
    (folder, r"is a folder"),
    (nothing, r"there is no file"),
    (cut_off, r"is not audio that can be read"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_loading_says_what_is_wrong(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "x.wav")
    with pytest.raises(AudioError, match=message) as error:
        load_audio(tmp_path / "x.wav")
    assert str(tmp_path / "x.wav") in str(error.value)


@pytest.mark.parametrize("part", [{}, {"start": 3.5}, {"start": 3.5, "duration": 0.1}], ids=str)
def test_a_download_that_broke_off_is_damaged(tmp_path: Path, part: dict[str, float]) -> None:
    sf.write(tmp_path / "x.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 4 * 44100), 44100)
    content = (tmp_path / "x.flac").read_bytes()
    (tmp_path / "x.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"x\.flac is damaged: nothing can be read at \d\.\d\d s .*get it again"):
        load_audio(tmp_path / "x.flac", **part)


@pytest.mark.parametrize(("make", "message"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_the_command_says_it_in_one_line(
    tmp_path: Path, run_course: Run, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "x.wav")
    status, out, err = run_course("codec", "--input", tmp_path / "x.wav", "--out", tmp_path / "out")
    assert status == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(err)
    assert not any((tmp_path / "out").glob("*")), "nothing may be written"


def test_the_command_says_it_to_machines(tmp_path: Path, run_course: Run) -> None:
    empty(tmp_path / "x.wav")
    status, out, _ = run_course("codec", "--input", tmp_path / "x.wav", "--out", tmp_path / "out", "--json")
    assert status == 1
    answer = json.loads(out)
    assert answer["ok"] is False
    assert "is empty (0 bytes)" in answer["error"]


# Files that are no usable music

SMALL = Path(__file__).parent / "conformance" / "data" / "amt" / "gpt2_tiny"  # a network of random weights


def beats(pitches: list[int], channel: int = 0) -> bytes:
    """A MIDI file, format 0, with a note of half a second for each pitch."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    for pitch in pitches:
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", channel=channel, note=pitch, time=480))
    file.tracks.append(track)
    raw = io.BytesIO()
    file.save(file=raw)
    return raw.getvalue()


NOTES = beats([60, 62, 64, 65] * 3)
MUSIC = [
    ("accompany", b"", (), "not a MIDI file; the file is empty (0 bytes): get it again or export it anew"),
    ("continue", b"Dear music, please be here.", (), "not a MIDI file; it begins with b'Dear'"),
    ("infill", b"RIFF\0\0\0\0WAVE", (), "choose one with notes, as a notation program exports it (.mid), not sound"),
    ("infill", NOTES[:40], (), "breaks off after 40 bytes"),
    ("accompany", NOTES.replace(b"MTrk", b"MTrx"), (), "a damaged MIDI file"),
    ("continue", NOTES[:8] + b"\x00\x02" + NOTES[10:], (), "independent songs (MIDI type 2)"),
    ("accompany", beats([]), (), "holds no notes"),
    ("accompany", beats([36, 38] * 6, channel=9), (), "only drums play here, and a melody needs pitches: ask for"),
    ("continue", NOTES, ("--start", 50), "no note begins between 50 and 53 s (notes begin from 0 to 5.5 s)"),
    ("accompany", NOTES, ("--melody", "singer"), "there is no part 'singer'; there are: 0 Acoustic Grand Piano"),
    ("infill", NOTES, ("--gap", 2, 4), "--gap must lie within the 3 s of the excerpt"),
    ("accompany", NOTES, ("--delta", -1), "delta is how many seconds ahead a control is known"),
    ("accompany", NOTES, ("--p", 0), "above 0 and at most 1, not 0"),
]


@pytest.mark.parametrize(("command", "content", "arguments", "message"), MUSIC, ids=[row[3][:30] for row in MUSIC])
def test_music_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, run_course: Run, command: str, content: bytes, arguments: tuple[object, ...], message: str
) -> None:
    (tmp_path / "x.mid").write_bytes(content)
    prompt = () if command == "infill" else ("--prompt", 1)
    short = ("--midi", tmp_path / "x.mid", "--duration", 3, *prompt, "--out", tmp_path / "out")
    status, out, err = run_course(command, *short, *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1
    assert message in err
    assert not any((tmp_path / "out").glob("*")), "nothing may be written"
    status, out, _ = run_course(command, *short, *arguments, "--json")
    answer = json.loads(out)
    assert (status, answer["ok"]) == (1, False)
    assert message in answer["error"]


@pytest.mark.parametrize("make", [folder, nothing])
def test_a_midi_file_that_is_not_there(tmp_path: Path, run_course: Run, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.mid")
    status, _, err = run_course("accompany", "--midi", tmp_path / "x.mid", "--out", tmp_path / "out")
    assert status == 1
    assert f"{tmp_path / 'x.mid'}: cannot be read" in err


def test_drums_alone_are_continued(tmp_path: Path, run_course: Run) -> None:
    (tmp_path / "x.mid").write_bytes(beats([36, 38] * 6, channel=9))
    short = ("--midi", tmp_path / "x.mid", "--duration", 2, "--prompt", 1, "--out", tmp_path / "out", "--json")
    status, out, _ = run_course("continue", "--model", SMALL, *short)
    assert status == 0
    assert json.loads(out)["rows"][0]["instruments"] == {"Drums": 4}


def test_a_melody_that_is_silent_in_the_excerpt(tmp_path: Path, run_course: Run) -> None:
    file = mido.MidiFile(file=io.BytesIO(NOTES))
    late = mido.MidiTrack([mido.Message("program_change", channel=1, program=73)])
    late.append(mido.Message("note_on", channel=1, note=80, velocity=80, time=9600))
    late.append(mido.Message("note_off", channel=1, note=80, time=480))
    file.type = 1
    file.tracks.append(late)
    file.save(tmp_path / "x.mid")
    short = ("--midi", tmp_path / "x.mid", "--duration", 3, "--prompt", 1, "--out", tmp_path / "out")
    status, _, err = run_course("accompany", *short, "--melody", "flute")
    assert status == 1
    assert "the melody (1 Flute) is silent there: no note begins between 0 and 3 s (notes begin from 10 to 10 s)" in err


# Sound that is unusual, and must work


@pytest.mark.parametrize("seconds", [1 / 44100, 0.005, 0.02, 512 / 44100, 513 / 44100])
def test_a_very_short_sound_keeps_its_length(tmp_path: Path, seconds: float) -> None:
    x = tone(1)[10 : 10 + round(seconds * 44100)]
    sf.write(tmp_path / "x.wav", x, 44100)
    clip = load_audio(tmp_path / "x.wav")
    codec = load_codec("course")
    with torch.no_grad():
        codes = codec.encode(torch.from_numpy(clip.samples).reshape(1, 1, -1))
        heard = codec.decode(codes, length=len(x))
    assert codes.shape == (1, 9, -(-len(x) // 512))
    assert heard.shape == (1, 1, len(x))
    assert torch.isfinite(heard).all()


def test_eight_kilohertz_stereo(tmp_path: Path, run_course: Run) -> None:
    sf.write(tmp_path / "x.wav", np.stack([tone(1, 8000), 0.5 * tone(1, 8000)], axis=1), 8000)
    arguments = ("--levels", "9", "--out", tmp_path / "out", "--json")
    status, out, _ = run_course("codec", "--input", tmp_path / "x.wav", *arguments)
    assert status == 0
    answer = json.loads(out)
    assert answer["seconds"] == pytest.approx(1)
    info = sf.info(answer["levels"][0]["file"])
    assert (info.samplerate, info.channels, info.frames) == (44100, 1, 44100)


def test_silence(tmp_path: Path, run_course: Run) -> None:
    sf.write(tmp_path / "x.wav", np.zeros(44100), 44100)
    arguments = ("--levels", "1,9", "--out", tmp_path / "out", "--json")
    status, out, _ = run_course("codec", "--input", tmp_path / "x.wav", *arguments)
    assert status == 0
    answer = json.loads(out)  # NaN would be no JSON
    assert [level["si_sdr"] for level in answer["levels"]] == [None, None]
    assert all(np.isfinite(level["mel_distance"]) for level in answer["levels"])
    assert answer["centroid"] == 0
    silence = load_audio(tmp_path / "x.wav").samples
    with pytest.raises(ValueError, match="the reference is silent"):
        si_sdr(silence, silence)
    assert mel_distance(silence, silence) == 0
    heard = load_audio(answer["full"]).samples
    assert np.sqrt(np.mean(heard**2)) < 0.01, "silence must stay nearly silent"


# One hour


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav of one hour, 8 kHz, 29 MB; at 44.1 kHz it is 635 MB of float32."""
    path = tmp_path_factory.mktemp("hour") / "hour.wav"
    second = tone(1, 8000)
    with sf.SoundFile(path, "w", 8000, 1, "PCM_U8") as out:
        for _ in range(60):
            out.write(np.tile(second, 60))
    return path


PEAK = """
import sys
from course_utils.audio import blocks, load_audio
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
load_audio(sys.argv[1], duration=1)
before = peak()
total = sum(len(block) for block in blocks(sys.argv[1], seconds=10))
middle = len(load_audio(sys.argv[1], start=3000, duration=10).samples)
print(total, middle, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_an_hour_is_read_in_bounded_memory(hour: Path) -> None:
    command = [sys.executable, "-c", PEAK, str(hour)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    total, middle, megabytes = map(float, done.stdout.split())
    assert total == 3600 * 44100
    assert middle == 10 * 44100
    assert megabytes < 60


GROWTH = """
import contextlib, io, sys
from course_utils.cli.main import main
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
def seconds(number):
    sys.argv = ["course", "codec", "--input", path, "--duration", number, "--levels", "9", "--out", out, "--json"]
    with contextlib.redirect_stdout(io.StringIO()):
        main()
path, out = sys.argv[1:]
for number in ("30", "120"):
    try:
        seconds(number)
    except SystemExit as stop:
        assert not stop.code
    print(peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_four_times_the_sound_takes_no_more_memory(tmp_path: Path, hour: Path) -> None:
    """90 s more are 16 MB for every copy of the audio that is held."""
    command = [sys.executable, "-c", GROWTH, str(hour), str(tmp_path)]
    # Large arrays go back to the system at once, so that the peak shows what is held and not what might be reused.
    returning = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=returning)
    short, long = map(float, done.stdout.split())
    assert long - short < 8


def test_ten_seconds_of_an_hour_are_encoded_alone(tmp_path: Path, hour: Path, run_course: Run) -> None:
    part = ("--start", 3590.5, "--duration", 2, "--levels", 9)
    status, out, _ = run_course("codec", "--input", hour, *part, "--out", tmp_path, "--json")
    assert status == 0
    assert json.loads(out)["seconds"] == 2


def test_a_block_is_ready_before_the_hour_is_read(hour: Path) -> None:
    assert len(next(blocks(hour, seconds=1))) == 44100


# The model


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a clip and the course codec that a test may damage."""
    copy = tmp_path / "data"
    for file in ("clips/ladder.flac", "manifest.json", WEIGHTS):
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data_folder() / file, copy / file)
    monkeypatch.setenv("COURSE_DATA", str(copy))
    return copy


def test_missing_weights(data: Path, tmp_path: Path, run_course: Run) -> None:
    (data / WEIGHTS).unlink()
    status, _, err = run_course("codec", "--out", tmp_path / "out")
    assert status == 1
    assert f"{data / WEIGHTS} is missing" in err
    assert f"git checkout -- {data / WEIGHTS}" in err
    assert not any((tmp_path / "out").glob("*"))


def test_one_flipped_byte_in_the_weights(data: Path, tmp_path: Path, run_course: Run) -> None:
    content = bytearray((data / WEIGHTS).read_bytes())
    right = hashlib.sha256(content).hexdigest()
    content[len(content) // 2] ^= 0xFF
    (data / WEIGHTS).write_bytes(content)
    status, _, err = run_course("codec", "--out", tmp_path / "out")
    assert status == 1
    for part in (f"{right} expected", f"{hashlib.sha256(content).hexdigest()} seen", "git checkout -- ", "make models"):
        assert part in err
    assert not any((tmp_path / "out").glob("*"))


def test_the_official_codec_without_a_network(tmp_path: Path, run_course: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens on the discard port
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    status, _, err = run_course("codec", "--model", "official", "--out", tmp_path / "out")
    assert status == 1
    for part in ("weights.pth", "about 307 MB", "https://github.com/descriptinc/", str(tmp_path / "cache"), "course"):
        assert part in err


@pytest.fixture
def tune(tmp_path: Path) -> tuple[object, ...]:
    """Arguments that continue a short tune."""
    (tmp_path / "x.mid").write_bytes(NOTES)
    return ("continue", "--midi", tmp_path / "x.mid", "--duration", 3, "--prompt", 1, "--out", tmp_path / "out")


def test_a_music_model_for_other_tokens(tmp_path: Path, run_course: Run, tune: tuple[object, ...]) -> None:
    config = json.loads((SMALL / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "config.json").write_text(json.dumps(config | {"vocab_size": 50_257}), encoding="utf-8")
    status, _, err = run_course(*tune, "--model", tmp_path / "text")
    assert status == 1
    assert "has a vocabulary of 50,257 tokens, the Anticipatory Music Transformer 55,028" in err
    assert not any((tmp_path / "out").glob("*"))


def test_a_folder_that_holds_no_music_model(tmp_path: Path, run_course: Run, tune: tuple[object, ...]) -> None:
    (tmp_path / "none").mkdir()
    status, _, err = run_course(*tune, "--model", tmp_path / "none")
    assert status == 1
    assert f"{tmp_path / 'none'} has no config.json" in err


def test_a_released_music_model_without_a_network(
    tmp_path: Path, run_course: Run, tune: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens on the discard port
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    status, _, err = run_course(*tune, "--model", "music-small-800k")
    assert status == 1
    for part in ("music-small-800k (about 510 MB) cannot be had", str(tmp_path / "cache"), "--model course"):
        assert part in err
    assert not any((tmp_path / "out").glob("*"))


# The disk


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_folder(tmp_path: Path, run_course: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    try:
        if os.access(locked, os.W_OK):  # the superuser may write anywhere: let the system call refuse instead

            def refuse(*_: object, **__: object) -> None:
                raise PermissionError(errno.EACCES, "Permission denied")

            monkeypatch.setattr("course_utils.cli.output.tempfile.TemporaryFile", refuse)
        status, _, err = run_course("codec", "--out", locked)
    finally:
        locked.chmod(0o755)
    assert status == 1
    assert f"the folder {locked} is read-only; choose another folder" in err
    assert list(locked.iterdir()) == []


def test_a_file_where_the_folder_should_be(tmp_path: Path, run_course: Run) -> None:
    (tmp_path / "out").write_text("in the way")
    status, _, err = run_course("codec", "--out", tmp_path / "out")
    assert status == 1
    assert "was not written" in err
    assert (tmp_path / "out").read_text() == "in the way"


FULL = """
import resource, signal, sys
from course_utils.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write past the limit fails as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_fills_half_way(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, "codec", "--levels", "1", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "no room is left" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == [], "no partial file"


def test_a_disk_too_small_is_refused_before_the_work(
    tmp_path: Path, run_course: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 3_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    status, _, err = run_course("codec", "--out", tmp_path / "out")
    assert status == 1
    assert "4 MB are needed, 3 MB are free" in err
    assert list((tmp_path / "out").iterdir()) == []
