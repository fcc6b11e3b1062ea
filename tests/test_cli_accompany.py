"""`course accompany`, `course infill`, `course continue`: the files they write, what they say, and how they end."""

from __future__ import annotations

import importlib
import json
import re
import warnings
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile as sf
from course_command import check_refused
from course_command import course as any_course

from course_utils.amt import read_midi, vocab
from course_utils.amt.accompany import choose_melody, joined, parts_of, within
from course_utils.amt.rules import Rules
from course_utils.cli import accompany as commands
from course_utils.cli import sampled
from course_utils.cli.output import Progress
from course_utils.paths import data_folder
from course_utils.train.music import song_piece

RATE = 44100
SHORT = ("--duration", 3, "--prompt", 1)
# A network of random weights that leans against late times: quick, and what is tested is what the command makes of it.
SMALL = Path(__file__).parent / "conformance" / "data" / "amt" / "gpt2_tiny"


def course(command: str, *arguments: object) -> Any:
    """The command, with the small network unless another is named."""
    return any_course(command, *(() if "--model" in arguments else ("--model", SMALL)), *arguments)


def midi_file(path: Path, *tracks: tuple[str, int, list[tuple[float, float, int]]]) -> Path:
    """A file of a track for each (name, program, notes of onset s, duration s, pitch); program 128 for drums."""
    file = mido.MidiFile(ticks_per_beat=50, charset="utf-8")  # at 120 beats a minute a tick is 10 ms
    for number, (name, program, notes) in enumerate(tracks):
        channel = 9 if program == 128 else number % 9
        track = mido.MidiTrack(
            [mido.MetaMessage("track_name", name=name), mido.MetaMessage("midi_port", port=number // 9)]
        )
        if program < 128:
            track.append(mido.Message("program_change", channel=channel, program=program))
        moments = [(round(100 * on), 1, "note_on", pitch) for on, _, pitch in notes]
        moments += [(round(100 * (on + long)), 0, "note_off", pitch) for on, long, pitch in notes]
        last = 0
        for tick, _, kind, pitch in sorted(moments):
            track.append(mido.Message(kind, channel=channel, note=pitch, velocity=80, time=tick - last))
            last = tick
        file.tracks.append(track)
    file.save(path)
    return path


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds: a flute sings over a piano and a bass; drums."""
    beats = np.arange(0, 12, 0.5).tolist()
    return midi_file(
        tmp_path_factory.mktemp("midi") / "piece.mid",
        ("Keys", 0, [(t, 0.5, p) for t in beats[::2] for p in (60, 64, 67)]),
        ("Singer", 73, [(t, 0.4, 76 + round(2 * t) % 5) for t in beats]),
        ("Low", 33, [(t, 0.9, 36 + round(t) % 3) for t in beats[::2]]),
        ("Kit", 128, [(t, 0.1, 38 if round(2 * t) % 2 else 36) for t in beats]),
    )


@pytest.fixture(scope="module")
def answer(piece: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An accompaniment with a page, as JSON."""
    out = tmp_path_factory.mktemp("out") / "new"
    done = course("accompany", "--midi", piece, "--start", 2, *SHORT, "--html", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def rows_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in answer["rows"]}


def excerpt(path: Path, start: float, duration: float, program: int | None = None) -> set[tuple[int, int]]:
    """Onset in ticks from the start, and note, of what begins in the excerpt."""
    first = round(100 * start)
    events = read_midi(path)
    onset, note = vocab.onsets(events) - first, vocab.notes(events)
    inside = (onset >= 0) & (onset < round(100 * duration))
    inside &= True if program is None else note // 128 == program
    return set(zip(onset[inside].tolist(), note[inside].tolist(), strict=True))


def test_the_melody_is_kept_and_everything_is_written(answer: dict[str, Any], piece: Path) -> None:
    rows = rows_of(answer)
    assert list(rows) == ["original", "melody", "sampled", "accompaniment"]
    assert (answer["ok"], answer["stopped"], answer["span"], answer["delta"]) == (True, "end", [1, 3], 5.0)
    names = [f"piece_{what}{suffix}" for what in ("accompaniment", "melody", "original") for suffix in (".mid", ".wav")]
    written = sorted(path.name for path in Path(answer["html"]).parent.iterdir())
    assert written == sorted([*names, "piece_accompaniment.html", "piece_sampled.mid"])
    assert excerpt(rows["original"]["midi"], 0, 3) == excerpt(piece, 2, 3)
    sung = excerpt(piece, 2, 3, 73)
    assert excerpt(rows["melody"]["midi"], 0, 3) == sung
    assert excerpt(rows["accompaniment"]["midi"], 0, 3, 73) >= sung
    assert excerpt(rows["accompaniment"]["midi"], 0, 1) == excerpt(piece, 2, 1), "the prompt is the piece's own"
    for what in ("original", "melody", "accompaniment"):
        info = sf.info(rows[what]["wav"])
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE, 1, round(4.5 * RATE), "PCM_16")
        assert np.abs(sf.read(rows[what]["wav"])[0]).max() > 0.01, "silence is never the answer"


def test_the_figures_are_those_of_the_files(answer: dict[str, Any]) -> None:
    assert answer["demo"] is False
    rows = rows_of(answer)
    for row in rows.values():
        assert sum(row["instruments"].values()) == row["notes"]
        if row["midi"]:
            assert len(read_midi(row["midi"])) == row["notes"]
    kept = excerpt(rows["original"]["midi"], 0, 1) | excerpt(rows["melody"]["midi"], 0, 3)
    assert rows["accompaniment"]["notes"] == len(kept) + rows["sampled"]["notes"]
    assert rows["sampled"]["notes"] > 0
    new = excerpt(rows["sampled"]["midi"], 0, 3)
    assert new <= excerpt(rows["accompaniment"]["midi"], 0, 3)
    assert all(onset >= 100 for onset, _ in new)
    assert rows["sampled"]["wav"] is None
    assert answer["tokens"] % 3 == 0
    assert answer["tokens"] >= 3 * rows["sampled"]["notes"] + 3, "and the event at the end, which is not taken"
    assert answer["tokens_per_second"] == pytest.approx(answer["tokens"] / answer["seconds"])
    assert answer["melody"]["name"] == "Singer"
    assert (answer["melody"]["number"], answer["melody"]["instrument"]) == (1, "Flute")
    assert "the highest in 100% of its notes" in answer["melody"]["why"]


def test_the_page_plays_both_without_a_network(answer: dict[str, Any]) -> None:
    page = Path(answer["html"]).read_text(encoding="utf-8")
    assert page.count("<iframe ") == 2
    assert "Accompaniment, sampled from 1 to 3 s" in page
    assert "The excerpt as events" in page
    assert "Flute (control)" in page
    assert "http" not in page.replace("http://www.w3.org/", "")


def test_a_seed_gives_the_same_files_and_the_table_says_what_the_json_says(
    piece: Path, answer: dict[str, Any], tmp_path: Path
) -> None:
    arguments = ("accompany", "--midi", piece, "--start", 2, *SHORT, "--html", "--out", tmp_path)
    done = course(*arguments)
    assert done.returncode == 0, done.stderr
    first = Path(answer["html"]).parent
    for path in first.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    text = " ".join(done.stdout.split())
    for row in answer["rows"]:
        assert f" {row['what']} {row['notes']} " in text
    assert "Melody: 1 Singer (Flute): the highest in 100%" in text
    assert "Parts for --melody: 0 Keys (Acoustic Grand Piano), 1 Singer (Flute), 2 Low (" in text
    assert f"Sampled from 1 to 3 s: {answer['tokens']} tokens in" in text
    assert f"7 files in {tmp_path}, and the page piece_accompaniment.html: piece_original," in text
    assert "piece_accompaniment as .mid and .wav, piece_sampled as .mid" in text
    assert "piece.mid, 2 to 5 s, " in text
    assert "gpt2_tiny model, p 0.95, temperature 1, delta 5 s, seed 0" in text
    assert all(len(line) <= 80 or str(tmp_path) in line for line in done.stdout.splitlines())


def test_another_seed_gives_another_result(piece: Path, tmp_path: Path) -> None:
    results = []
    for seed in (1, 2, 3):
        done = course("continue", "--midi", piece, *SHORT, "--p", 1, "--seed", seed, "--out", tmp_path)
        assert done.returncode == 0, done.stderr
        results.append((tmp_path / "piece_continuation.mid").read_bytes())
    assert len(set(results)) > 1


def test_a_named_part_is_accompanied(piece: Path, tmp_path: Path) -> None:
    for asked in ("keys", "0", "Acoustic Grand Piano"):
        done = course("accompany", "--midi", piece, *SHORT, "--melody", asked, "--out", tmp_path, "--json")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        why = f"0 Keys (Acoustic Grand Piano): asked for as '{asked}'"
        assert (answer["melody"]["name"], answer["melody"]["why"]) == ("Keys", why)
        assert rows_of(answer)["melody"]["instruments"] == {"Acoustic Grand Piano": 9}


def test_of_two_parts_with_the_name_it_says_which_was_taken(tmp_path: Path) -> None:
    beats = np.arange(0, 4, 0.5).tolist()
    busy, calm = [(t, 0.4, 72) for t in beats], [(t, 0.4, 79) for t in beats[::2]]
    path = midi_file(tmp_path / "two.mid", ("Lead", 73, calm), ("Lead", 56, busy), ("Low", 33, busy))
    done = course("accompany", "--midi", path, *SHORT, "--melody", "lead", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    said = "Melody: 1 Lead (Trumpet): asked for as 'lead'; the busiest of 2 with that name, beside 0 Lead (Flute)"
    assert said in " ".join(done.stdout.split())


def test_what_is_around_a_gap_is_kept(piece: Path, tmp_path: Path) -> None:
    done = course("infill", "--midi", piece, "--duration", 4, "--gap", 1.5, 2.5, "--html", "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    rows = rows_of(answer)
    assert list(rows) == ["original", "given", "sampled", "infilling"]
    assert (answer["span"], answer["melody"]) == ([1.5, 2.5], None)
    around = {row for row in excerpt(piece, 0, 4) if not 150 <= row[0] < 250}
    assert excerpt(rows["given"]["midi"], 0, 4) == around
    filled = excerpt(rows["infilling"]["midi"], 0, 4)
    assert around <= filled
    assert all(150 <= onset <= 250 for onset, _ in filled - around)
    assert "(control)" in Path(answer["html"]).read_text(encoding="utf-8"), "what lies behind is known beforehand"


def test_the_middle_is_the_gap_if_none_is_named(piece: Path, tmp_path: Path) -> None:
    done = course("infill", "--midi", piece, "--duration", 2, "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["span"] == [0.5, 1.5]
    done = course("infill", "--midi", piece, "--duration", 2, "--gap", 0, 2, "--out", tmp_path / "all", "--json")
    given = rows_of(json.loads(done.stdout))["given"]
    assert (given["notes"], given["midi"], given["wav"]) == (0, None, None), "nothing makes no file"


def test_a_continuation_begins_with_the_prompt(piece: Path, tmp_path: Path) -> None:
    done = course("continue", "--midi", piece, *SHORT, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    rows = rows_of(answer)
    assert list(rows) == ["original", "prompt", "sampled", "continuation"]
    assert answer["delta"] is None
    assert excerpt(rows["prompt"]["midi"], 0, 3) == excerpt(piece, 0, 1)
    new = excerpt(rows["continuation"]["midi"], 0, 3) - excerpt(piece, 0, 1)
    assert all(100 <= onset < 300 for onset, _ in new)


@pytest.mark.parametrize("command", ["accompany", "infill", "continue"])
def test_without_midi_a_shipped_song_is_taken_and_it_says_so(command: str, tmp_path: Path) -> None:
    short = SHORT if command != "infill" else SHORT[:2]
    done = course(command, "--start", 15, *short, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stderr.split()) == "No --midi given: taking a song of the course's composer, ballad.mid."
    assert (tmp_path / "ballad_original.wav").exists()
    told = json.loads(done.stdout)
    assert told["demo"] is True
    parts = parts_of(data_folder() / commands.DEMO)
    assert [part["number"] for part in told["parts"]] == list(range(len(parts)))
    assert [part["notes"] for part in told["parts"]] == [len(part.events) for part in parts]


def test_the_shipped_song_is_a_good_first_piece() -> None:
    song = song_piece(7)
    parts = parts_of(data_folder() / commands.DEMO)
    assert sorted(joined(parts).tolist()) == sorted(song.triples.tolist())
    assert song.split == "held out", "the model must not have learned it by heart"
    heard = within(parts, 0, commands.SECONDS)
    chosen = choose_melody(heard)
    assert (chosen.part.instrument, chosen.doubt) == (song.melody, "")
    assert 4 <= len(heard) <= 8


def test_a_doubtful_melody_is_said_in_one_sentence(tmp_path: Path) -> None:
    path = midi_file(
        tmp_path / "thin.mid",
        ("Keys", 0, [(float(t), 0.9, p) for t in range(12) for p in (60, 64, 67)]),
        ("Bells", 14, [(float(t), 0.5, 90) for t in (0, 1, 2, 11)]),
    )
    arguments = ("accompany", "--midi", path, "--duration", 12, "--prompt", 10, "--out", tmp_path / "out")
    said = "no part sings well here: 1 Bells (Tubular Bells) begins a note in only 33% of the seconds; --melody names"
    done = course(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert [line for line in json.loads(done.stdout)["said"] if "sings" in line] == [f"{said} another"]
    assert "No part sings well here: 1 Bells" in " ".join(course(*arguments).stdout.split())
    assert "sings well" not in course(*arguments, "--melody", "bells").stdout


def test_a_model_that_loses_its_way_is_given_other_seeds(
    piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("course_utils.cli.sampled.CROWD", 1)
    monkeypatch.setattr("course_utils.cli.sampled.densest", lambda _: 1)
    arguments = ("continue", "--midi", piece, *SHORT, "--json")
    told = json.loads(course(*arguments, "--tries", 3, "--out", tmp_path / "a").stdout)
    (said,) = [line for line in told["said"] if "lost its way" in line]
    assert "(more than 1 notes at one moment); this is the furthest of them, seed" in said
    assert said.count(" s, seed") == 2
    assert (told["ok"], told["stopped"]) == (False, "crowded")
    assert told["seed"] in (0, 1, 2)


def test_a_heap_that_is_kept_is_said(piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter((3, 40, 3, 16))  # notes at one moment: of the excerpt, of what is made; twice
    monkeypatch.setattr("course_utils.cli.sampled.densest", lambda _: next(found))
    said = []
    for _ in range(2):
        done = course("continue", "--midi", piece, *SHORT, "--json", "--tries", 1, "--out", tmp_path / "a")
        said.append([line for line in json.loads(done.stdout)["said"] if "lost its way" in line])
    heap = "the model lost its way: 40 notes begin at one moment; try another --seed, or let --tries find one"
    assert said == [[heap], []]


@pytest.mark.parametrize(("duration", "said"), [(3, False), (20, True)])
def test_an_excerpt_that_outlasts_the_piece_is_said(tmp_path: Path, duration: int, said: bool) -> None:
    path = midi_file(tmp_path / "short.mid", ("Flute", 73, [(t / 2, 0.5, 72 + t) for t in range(8)]))
    options = ("--duration", duration, "--prompt", 2, "--tries", 1)
    done = course("continue", "--midi", path, *options, "--out", tmp_path / "out", "--json")
    lines = json.loads(done.stdout)["said"]
    assert any(line == "the piece ends at 4.0 s, 16.0 s before the excerpt does" for line in lines) == said


def test_a_melody_without_a_band_is_said(tmp_path: Path) -> None:
    path = midi_file(tmp_path / "alone.mid", ("Flute", 73, [(t / 2, 0.5, 72 + t % 5) for t in range(20)]))
    arguments = ("accompany", "--midi", path, "--duration", 6, "--out", tmp_path / "out", "--json")
    told = json.loads(course(*arguments).stdout)
    said = "no other part plays in the first 5 s: so there is no prompt, and the model chooses the band"
    assert any(line.startswith(said) for line in told["said"])
    assert told["span"] == [0, 6]
    assert rows_of(told)["melody"]["notes"] == 12, "the melody is kept from the beginning"
    told = json.loads(course(*arguments, "--prompt", 1).stdout)
    assert any(line.endswith("the model adds little; try --prompt 0") for line in told["said"])
    assert told["span"] == [1, 6]


def test_tempo_and_names_of_the_piece_are_kept(tmp_path: Path) -> None:
    path = midi_file(
        tmp_path / "named.mid",
        ("メロディ", 73, [(t / 2, 0.5, 72 + t % 5) for t in range(12)]),
        ("Keys", 0, [(t / 2, 0.4, 48) for t in range(12)]),
    )
    source = mido.MidiFile(path, charset="utf-8")
    source.tracks[0].insert(0, mido.MetaMessage("set_tempo", tempo=400_000))
    source.save(path)
    done = course("accompany", "--midi", path, "--melody", 0, *SHORT, "--out", tmp_path / "out", "--json")
    rows = rows_of(json.loads(done.stdout))
    made = mido.MidiFile(rows["original"]["midi"], charset="utf-8")
    assert [message.tempo for message in made if message.type == "set_tempo"] == [400_000]
    assert {track.name for track in made.tracks[1:]} == {"メロディ (Flute)", "Keys (Acoustic Grand Piano)"}


def test_a_melody_that_ends_with_the_prompt_is_said(tmp_path: Path) -> None:
    early = ("Flute", 73, [(t / 2, 0.5, 72 + t) for t in range(6)])
    path = midi_file(tmp_path / "early.mid", early, ("Piano", 0, [(t / 2, 0.4, 48) for t in range(30)]))
    arguments = ("accompany", "--midi", path, "--melody", "flute", "--duration", 6, "--out", tmp_path, "--json")
    said = "begins no note after the {} s of the prompt"
    lines = {prompt: json.loads(course(*arguments, "--prompt", prompt).stdout)["said"] for prompt in (4, 2)}
    assert any(said.format(4) in line for line in lines[4])
    assert not any("begins no note" in line for line in lines[2])


def test_an_instrument_that_the_synthesiser_lacks_is_said(tmp_path: Path) -> None:
    path = midi_file(tmp_path / "bells.mid", ("Bells", 14, [(t / 2, 0.5, 72) for t in range(8)]))
    done = course("continue", "--midi", path, *SHORT, "--out", tmp_path / "out")
    assert "Tubular Bells is played by Rhodes EP" in " ".join(done.stdout.split())


def interrupting(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C when that many events have been sampled."""
    seen: list[str] = []

    def call(_: Progress, what: str) -> None:
        if what.startswith("accompaniment: "):
            seen.append(what)
            if len(seen) == after:
                raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__call__", call)


def test_an_interrupt_keeps_what_there_is(piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("accompany", "--midi", piece, "--duration", 8, "--prompt", 1, "--out", tmp_path)
    interrupting(monkeypatch, 1)
    done = course(*arguments, "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["stopped"], answer["tokens"]) == (False, "interrupted", 3)
    assert 1 <= answer["reached"] < 8
    sung = excerpt(piece, 0, 8, 73)
    assert excerpt(rows_of(answer)["accompaniment"]["midi"], 0, 8) >= sung
    interrupting(monkeypatch, 1)
    done = course(*arguments)
    assert done.returncode == 1
    assert f"Interrupted: there is new music up to {answer['reached']:.1f} s only." in done.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "no partial file"


def test_an_interrupt_before_the_first_note_leaves_what_was_given(
    piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("course_utils.amt.generate"), "sample_event", stop)
    done = course("accompany", "--midi", piece, *SHORT, "--out", tmp_path)
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.glob("*.mid")) == ["piece_melody.mid", "piece_original.mid"]
    for path in tmp_path.glob("*.wav"):
        assert sf.info(path).frames == round(4.5 * RATE)


def test_loud_music_is_made_quieter_and_it_is_said(tmp_path: Path) -> None:
    loud = [(0.0, 2.0, pitch) for pitch in range(30, 90)]
    path = midi_file(tmp_path / "loud.mid", ("Organ", 19, loud), ("Brass", 61, loud), ("Lead", 81, [(0.5, 1, 95)]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = course("continue", "--midi", path, "--duration", 2, "--prompt", 1, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    original = rows_of(json.loads(done.stdout))["original"]
    assert original["quieter"] > 0
    assert np.abs(sf.read(original["wav"])[0]).max() == pytest.approx(0.99, abs=1e-3)


def test_forty_instruments_and_two_hours_are_no_trouble(tmp_path: Path) -> None:
    tracks = [(f"part {n}", n, [(t, 0.2, 60 + n % 12) for t in (0.0, 1.0, 7000.0, 7199.0)]) for n in range(40)]
    path = midi_file(tmp_path / "forty.mid", *tracks)
    part = ("--start", 7000, "--duration", 2, "--prompt", 1)
    done = course("accompany", "--midi", path, *part, "--melody", 5, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    rows = rows_of(json.loads(done.stdout))
    assert len(rows["original"]["instruments"]) == 40
    there = {*rows["original"]["instruments"], "Drums"}
    assert set(rows["sampled"]["instruments"]) <= there, "beyond 16 none is added, except drums"
    assert len({note // 128 for _, note in excerpt(rows["original"]["midi"], 0, 2)}) == 40
    done = course("continue", "--midi", path, *part, "--out", tmp_path / "out")
    text = " ".join(done.stdout.split())
    assert " and 34 more" in text
    assert " instruments play; the model has practised on at most 16 at a time." in text
    assert (
        "instruments besides drums: the MIDI file uses several ports, which some players ignore, for one holds 15"
        in text
    )
    messages = [message for track in mido.MidiFile(rows["original"]["midi"]).tracks for message in track]
    assert {message.port for message in messages if message.type == "midi_port"} == {1, 2}, "as it says"


@pytest.mark.parametrize(("melodic", "drums", "crowd"), [(15, True, False), (16, False, False), (16, True, True)])
def test_a_crowd_is_more_than_sixteen(tmp_path: Path, melodic: int, drums: bool, crowd: bool) -> None:
    tracks = [(f"part {n}", n, [(0.0, 0.5, 60), (1.0, 0.5, 62)]) for n in range(melodic)]
    tracks += [("Kit", 128, [(0.0, 0.1, 38)])] if drums else []
    done = course(
        "infill",
        "--midi",
        midi_file(tmp_path / "some.mid", *tracks),
        *SHORT[:2],
        "--gap",
        2.5,
        3,
        "--out",
        tmp_path / "out",
        "--json",
    )
    said = json.loads(done.stdout)["said"]
    assert any(line.startswith("17 instruments play; ") for line in said) == crowd
    assert any(line.startswith("16 instruments besides drums: ") for line in said) == (melodic > 15)


def test_the_rules_of_the_paper_lack_two_of_the_course(
    piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Rules] = []
    real = sampled.continue_piece

    def noting(*arguments: Any, **options: Any) -> Any:
        seen.append(options["rules"])
        return real(*arguments, **options)

    monkeypatch.setattr(sampled, "continue_piece", noting)
    arguments = ("continue", "--midi", piece, *SHORT, "--out", tmp_path)
    assert json.loads(course(*arguments, "--json").stdout)["rules"] == "course"
    assert json.loads(course(*arguments, "--rules", "paper", "--json").stdout)["rules"] == "paper"
    assert seen == [Rules(), Rules(gap=False, once=False)]
    assert "the paper's rules" in " ".join(course(*arguments, "--rules", "paper", "--html").stdout.split())
    assert re.search(r"seed 0, the paper(&\S*;|')s rules", (tmp_path / "piece_continuation.html").read_text("utf-8"))
    for command in ("accompany", "infill", "continue"):
        assert "--rules" in course(command, "--help").stdout


@pytest.mark.parametrize(
    ("command", "arguments", "status", "message"),
    [
        ("accompany", ["--p", "0"], 1, "above 0 and at most 1, not 0"),
        ("infill", ["--p", "1.5"], 1, "above 0 and at most 1, not 1.5"),
        ("continue", ["--p", "nan"], 1, "above 0 and at most 1, not nan"),
        ("accompany", ["--temperature", "-1"], 1, "a temperature is 0 or more, not -1"),
        ("accompany", ["--delta", "-1"], 1, "delta is how many seconds ahead a control is known, from 0"),
        ("infill", ["--delta", "nan"], 1, "delta is how many seconds"),
        ("continue", ["--delta", "1"], 2, "No such option"),
        ("infill", ["--rules", "none"], 2, "'none' is not one of 'course', 'paper'"),
        ("accompany", ["--seed", "-1"], 2, "'--seed'"),
        ("accompany", ["--seed", str(2**64)], 2, "'--seed'"),
        ("accompany", ["--start", "-1"], 1, "--start is a second of the piece, from 0 on, not -1"),
        ("accompany", ["--start", "1e300"], 1, "--start is a second of the piece"),
        (
            "continue",
            ["--start", "80"],
            1,
            "no note begins between 80 and 83 s (notes begin from 0 to 11.5 s): choose another start",
        ),
        ("continue", ["--duration", "0"], 1, "--duration is from 1 to 600 s, not 0"),
        ("continue", ["--duration", "7200"], 1, "--duration is from 1 to 600 s, not 7200"),
        ("accompany", ["--prompt", "3"], 1, "--prompt must be 0 s or more and shorter than the 3 s"),
        ("accompany", ["--prompt", "nan"], 1, "--prompt must be 0 s or more"),
        ("infill", ["--gap", "2", "9"], 1, "--gap must lie within the 3 s of the excerpt"),
        ("infill", ["--gap", "2", "1"], 1, "--gap must lie within the 3 s of the excerpt"),
        ("infill", ["--gap", "nan", "1"], 1, "--gap must lie within"),
        ("infill", ["--gap", "2"], 2, "'--gap' requires 2 arguments"),
        ("accompany", ["--melody", "bagpipes"], 1, "there is no part 'bagpipes'; there are: 0 Keys"),
        ("accompany", ["--melody", "7"], 1, "there is no part '7'"),
        ("accompany", ["--melody", "\u00b2"], 1, "there is no part '\u00b2'"),
        ("accompany", ["--melody", ""], 1, "there is no part ''; there are: 0 Keys"),
        ("continue", ["--prompt", "-1"], 1, "--prompt must be 0 s or more and shorter than the 3 s"),
        ("infill", ["--duration", "-3"], 1, "--duration is from 1 to 600 s, not -3"),
        ("accompany", ["--model", "best"], 1, "no model is called 'best'"),
        ("accompany", ["--device", "abacus"], 1, "--device abacus cannot be used here"),
        ("accompany", ["--html", "--duration", "200"], 1, "a page holds 120 s, not 200: leave --html out or take less"),
    ],
)
def test_arguments_that_cannot_be(
    piece: Path, tmp_path: Path, command: str, arguments: list[str], status: int, message: str
) -> None:
    short = ["--duration", "3"] if "--duration" not in arguments else []
    short += ["--prompt", "1"] if command != "infill" and "--prompt" not in arguments else []
    done = course(command, "--midi", piece, *short, "--out", tmp_path / "out", *arguments)
    check_refused(done, status, message, tmp_path / "out")
    if status == 1:
        assert len(done.stderr.splitlines()) == 1


def test_a_disk_too_small_is_refused_before_the_work(
    piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    done = course("accompany", "--midi", piece, *SHORT, "--out", tmp_path / "out")
    check_refused(done, 1, "1 MB are needed, 0 MB are free", tmp_path / "out")


def test_a_file_where_the_folder_should_be(piece: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    done = course("continue", "--midi", piece, *SHORT, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert f"{tmp_path / 'out'} is a file, where a folder is needed; choose another folder" in done.stderr
    done = course("continue", "--midi", piece, *SHORT, "--out", tmp_path / "out" / "below")
    assert f"{tmp_path / 'out'} is a file, where a folder is needed" in done.stderr
    assert (tmp_path / "out").read_text() == "in the way"


def test_what_lies_in_the_folder_survives_a_run_that_fails(piece: Path, tmp_path: Path) -> None:
    assert course("continue", "--midi", piece, *SHORT, "--out", tmp_path).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 7
    for wrong in (("--p", 2), ("--start", 80), ("--model", "best"), ("--device", "abacus")):
        assert course("continue", "--midi", piece, *SHORT, *wrong, "--out", tmp_path).returncode == 1
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
