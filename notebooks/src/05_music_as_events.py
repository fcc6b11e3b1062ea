# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   two_poles:
#     data: [midi, soundfont]
# ---

# %% [markdown] made="header"
# # 05 · Music as events
#
# **After this lesson you can** turn MIDI into events and back by rules that you wrote, measure what is lost, and read
# a table of perplexities.
#
# 35 minutes to read, 74 with the exercises · builds on: lesson 00; a little Python and numpy
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/05_music_as_events.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/05_music_as_events.ipynb

# %% made="bootstrap" jupyter={"source_hidden": true}
# Needed on Colab only: fetches the course, adds the packages that are missing, replaces none.
import importlib.util
import pathlib
import subprocess
import sys

if importlib.util.find_spec("course_utils") is None:
    folder = pathlib.Path("..") if pathlib.Path("../course_utils").is_dir() else pathlib.Path("two-poles")
    if not folder.is_dir():
        address = "https://github.com/OWNER/two-poles"
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", address, str(folder)], check=True)
    sys.path.insert(0, str(folder.resolve()))
    from course_utils import packages

    packages.mend()
    importlib.invalidate_caches()

# %%
import copy
import math
import time
import warnings

import mido
import numpy as np

from course_utils.amt import read_midi, to_events, to_pretty_midi, token_lists
from course_utils.exercises.lesson05 import check
from course_utils.paths import data_folder
from course_utils.show.frame import begin
from course_utils.synth.render import SubstitutionWarning

begin("05")
warnings.simplefilter("ignore", SubstitutionWarning)  # what stands in for what: section 10

# %% [markdown]
# **Hear it first.** This is a piece from the free game Freedoom, as a [piano roll](glossary.md#piano-roll): time runs
# to the right, pitch upwards, and each bar is one note. Play it. Mute the drums, then all but the harp. Move the mouse
# over a bar (or use the arrow keys): you see what the note is, and the three numbers that stand for it. (The harp
# sounds like a guitar here. Section 10 says why.)

# %%
from course_utils.show import piano_roll

freedoom = data_folder() / "midi" / "freedoom"
piece = read_midi(freedoom / "fd12_freedoom1_D_INTRO.mid")
piano_roll(piece, "A piece as events", source="Freedoom, the introduction", seconds=16)

# %% tags=["nbval-check-output"]
print(len(piece), "notes, so", piece.size, "numbers; the first three notes:")
print(piece[:3])

# %% [markdown]
# Lessons 01 to 04 cut *sound* into [tokens](glossary.md#token), numbers that a model reads and writes. From here on we
# cut *notes* into tokens. There are far fewer of them, and each says something that a musician can read. What they do
# not say is how it sounds. This lesson writes those numbers, reads them back, and measures what is lost.
#
# The rules are those of the **Anticipatory Music Transformer**, the model of notes that lesson 00 named. "The paper" is
# its paper from here on, and "the released code" is what its authors published.
#
# ## 1. What a MIDI file says
#
# [MIDI](glossary.md#midi) is a list of messages: press this key, let go of it, change the instrument. Here is a tune of
# three notes, made by hand. `program` is the instrument (73: flute), `note` the pitch (60: middle C, one more for each
# semitone), `velocity` how hard the key is struck. `time` is how long to wait after the message before, in *ticks*. The
# file itself says how many ticks make a beat, here 480.

# %% tags=["nbval-check-output"]
track = mido.MidiTrack(
    [
        mido.MetaMessage("set_tempo", tempo=500_000),
        mido.Message("program_change", program=73),
        mido.Message("note_on", note=72, velocity=100, time=0),
        mido.Message("note_off", note=72, time=480),
        mido.Message("note_on", note=76, velocity=60, time=0),
        mido.Message("note_off", note=76, time=360),
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=120),
        mido.Message("note_on", note=79, velocity=80, time=0),
        mido.Message("note_off", note=79, time=480),
    ]
)
tune = mido.MidiFile(tracks=[track], ticks_per_beat=480)
for message in track:
    print(message)

# %% [markdown]
# A note is not *one* message: its beginning and its end are two, and others may lie between them. Nor does the file say
# when anything happens. It says how long to wait, in ticks. How long a tick lasts depends on the **tempo**, here in
# microseconds a beat. By hand, for the beginning of the second note:

# %% tags=["nbval-check-output"]
print(480, "ticks =", 480 / 480, "beat =", 480 / 480 * 500_000 / 1_000_000, "s")

# %% [markdown]
# The third note begins at tick 960, where the tempo has just changed. It ends at tick 1440, under the slower tempo.
# When is that, in seconds?

# %% [markdown] exercise="seconds_at" part="card"
# #### Exercise: When is a tick?
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# Write the conversion for any number of tempos. A tempo holds from its tick to the next one's; the last one holds to
# the end. A tempo that begins after `tick` must not count.


# %% tags=["exercise"] exercise="seconds_at"
def seconds_at(tick, tempos, ticks_per_beat):
    """When a MIDI tick is due, in seconds; tempos: (tick, microseconds a beat), in order, the first at tick 0."""
    return None  # your code here


seconds_at = check("seconds_at", seconds_at)

# %% [markdown] exercise="seconds_at" part="solution"
# <details>
# <summary>Hint</summary>
#
# Go through the tempos in order. How many ticks of the way lie under each? `ticks / ticks_per_beat` are beats, and a
# beat lasts `tempo / 1_000_000` seconds.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def seconds_at(tick, tempos, ticks_per_beat):
#     """When a MIDI tick is due, in seconds; tempos: (tick, microseconds a beat), in order, the first at tick 0."""
#     seconds = 0.0
#     ends = [start for start, _ in tempos[1:]] + [tick]
#     for (start, tempo), end in zip(tempos, ends, strict=True):
#         ticks = max(min(end, tick) - start, 0)
#         seconds += ticks / ticks_per_beat * tempo / 1_000_000
#     return seconds
# ```
#
# Each stretch of ticks is converted with the tempo that holds there, and the seconds are added up.
#
# </details>

# %% tags=["nbval-check-output"]
tempos = [(0, 500_000), (960, 1_000_000)]
for tick in (0, 480, 840, 960, 1440):
    print(f"tick {tick:4d} is due at {seconds_at(tick, tempos, 480):.2f} s")

# %% [markdown]
# The course's library has a reader, `read_midi`. It does the same, pairs each beginning with its end, and keeps three
# things: when, how long, and which note of which instrument. Such a triple is an [event](glossary.md#event).

# %% tags=["nbval-check-output"]
for event in to_events(read_midi(tune)):
    print(event)

# %% [markdown]
# ## 2. Three tokens for a note
#
# A model reads whole numbers from one long list, its [vocabulary](glossary.md#vocabulary). So seconds become ticks
# again, but now all of the same length, 10 ms<!-- fact: AMT_TICK_MS -->. From here on a [tick](glossary.md#tick) is
# this tick. There are 10,000<!-- fact: AMT_TIMES --> times, up to 100 s, and 1,000<!-- fact: AMT_DURATIONS -->
# durations, up to 10 s. (Section 4 says what becomes of longer pieces.)
#
# The note holds pitch and instrument in one number: 128<!-- fact: AMT_PITCHES --> pitches for each of
# 129<!-- fact: AMT_INSTRUMENTS --> instruments. Drums are the last one, and their pitches are the kinds of drum.

# %% tags=["nbval-check-output"]
flute, c5 = 73, 72
note = 128 * flute + c5
print("number of the note:", note, "- and back, instrument and pitch:", divmod(note, 128))

# %% [markdown]
# Each kind gets its own range, one behind the other, so that a token says by itself what it is.

# %% [markdown] exercise="event_tokens" part="card"
# #### Exercise: Three tokens for a note
#
# ●●○○○ difficulty 2 of 5 · about 6 minutes
#
# Time and duration come in seconds; round them to the nearest tick of 10 ms. Time tokens begin at 0, durations at
# 10,000, notes at 11,000. The note is 128 x instrument + pitch. What rounds to 1,000 ticks or more gets the longest
# duration there is, 999.


# %% tags=["exercise"] exercise="event_tokens"
def event_tokens(time, duration, pitch, instrument):
    """A tuple of the three tokens of a note: time and duration in seconds, pitch 0 to 127, instrument 0 to 128."""
    return None  # your code here


event_tokens = check("event_tokens", event_tokens)

# %% [markdown] exercise="event_tokens" part="solution"
# <details>
# <summary>Hint</summary>
#
# There are 1,000 durations, tick 0 to tick 999. `min` limits, `round` rounds.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def event_tokens(time, duration, pitch, instrument):
#     """A tuple of the three tokens of a note: time and duration in seconds, pitch 0 to 127, instrument 0 to 128."""
#     length = min(round(100 * duration), 999)
#     return round(100 * time), 10_000 + length, 11_000 + 128 * instrument + pitch
# ```
#
# Ticks of 10 ms, each kind of token in its own range.
#
# </details>

# %% tags=["nbval-check-output"]
for event in to_events(read_midi(tune)):
    print("yours", event_tokens(*event[:4]), "- the library's", event.tokens)

# %% [markdown]
# And back, by hand, for an event of our piece. Take the beginning of each range away:

# %% tags=["nbval-check-output"]
onset, duration, note = piece[40].tolist()
instrument, pitch = divmod(note - 11_000, 128)
print(f"{onset / 100:.2f} s, {(duration - 10_000) / 100:.2f} s long, pitch {pitch} of instrument {instrument}")

# %% [markdown]
# The library puts it in words. It needs no neighbours for that: each number can be read alone.

# %% tags=["nbval-check-output"]
from course_utils.amt import describe

for token in piece[40].tolist():
    print(f"{token:6d}  {describe(token)}")

# %% [markdown]
# ## 3. 27,512 and 55,028
#
# Count the vocabulary. First the events:

# %% tags=["nbval-check-output"]
times, durations, notes = 10_000, 1_000, 128 * 129
print(f"{times:,} + {durations:,} + {notes:,} = {times + durations + notes:,}")

# %% [markdown]
# One more token means *nothing begins here*: [REST](glossary.md#rest),
# number 27,512<!-- fact: AMT_EVENT_VOCABULARY -->. Section 7 needs it. Then all event tokens come a second time, as
# [controls](glossary.md#control): notes that the model is given and does not write. And three tokens say how a sequence
# begins, or that one ends.

# %% tags=["nbval-check-output"]
from course_utils.amt import vocab

events = times + durations + notes
print(f"{events:,} events + 1 REST + {events:,} controls + 3 special = {2 * events + 1 + 3:,}")
print(f"the library: REST {vocab.REST:,}, controls from {vocab.CONTROL_OFFSET:,}, in all {vocab.VOCAB_SIZE:,}")

# %% [markdown]
# Read every token of the vocabulary. Does each one say something, and no two the same?

# %% tags=["nbval-check-output"]
words = [describe(token) for token in range(vocab.VOCAB_SIZE)]
print(f"{len(words):,} tokens, {len(set(words)):,} different descriptions; the last three: {words[-3:]}")

# %% [markdown]
# SEPARATOR stands between two pieces. The last two tell the **mode**, as the first token of a sequence: AUTOREGRESS
# where it has no controls, ANTICIPATE where it has some.

# %% [markdown] exercise="finer_vocabulary" part="card"
# #### Exercise: Ticks of 5 ms
#
# ●●○○○ difficulty 2 of 5 · about 4 minutes
#
# Say that a tick were 5 ms, still with times up to 100 s and durations up to 10 s. How many tokens would the training
# vocabulary have, with REST, the controls' copies and the three special tokens?

# %% tags=["exercise"] exercise="finer_vocabulary"
finer_vocabulary = None  # your answer here
finer_vocabulary = check("finer_vocabulary", finer_vocabulary)

# %% [markdown] exercise="finer_vocabulary" part="solution"
# <details>
# <summary>Hint</summary>
#
# Twice as many times, twice as many durations, as many notes as before. Then count as above.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# finer_vocabulary = 77028
# ```
#
# 20,000 + 2,000 + 16,512 = 38,512; that twice, one REST and three special tokens.
#
# </details>

# %% [markdown]
# ## 4. And back: what is lost?
#
# Events become MIDI again, and that MIDI becomes events again. Are they the same events? (Those that begin on one tick
# may change places, so we sort before we compare.)

# %% tags=["nbval-check-output"]
from course_utils.amt import to_midi

again = read_midi(to_midi(piece))
same = np.array_equal(np.unique(again, axis=0), np.unique(piece, axis=0))
print("to MIDI and back:", len(again), "notes,", "the same events" if same else "other events")

# %% [markdown]
# What is lost is lost on the way *in*. (There is one exception. If a key is struck again before it is let go, MIDI
# cannot say which of the two notes an end belongs to. The reader ends the older one first.)
#
# **Rounding to 10 ms.** A note can be moved by half a tick, 5 ms, at most. How far is it moved in this piece?

# %%
import pretty_midi

with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)  # some of the files keep their tempo in an unusual track
    written = pretty_midi.PrettyMIDI(str(freedoom / "fd12_freedoom1_D_INTRO.mid"))

# %% tags=["nbval-check-output"]
begins = np.sort([note.start for track in written.instruments for note in track.notes])
moved = 1000 * abs(begins - np.round(100 * begins) / 100)
print(f"moved by {moved.mean():.1f} ms on average, {moved.max():.1f} ms at most")

# %% [markdown]
# Does the error add up over the piece? With times, no. Each is rounded alone. Now we round the *waits* from note to
# note instead, each alone, and add them up:

# %% tags=["nbval-check-output"]
waits = np.diff(begins, prepend=0)
drift = np.cumsum(np.round(100 * waits)) / 100 - begins
print(f"rounded waits: {1000 * abs(drift).max():.0f} ms off at worst, {1000 * drift[-1]:+.0f} ms at the end")

# %% [markdown]
# The error of one wait is handed on to all notes after it. Whoever wants waits must round the times first and subtract
# then. (The released code for waits, section 6, rounds each wait alone, so its times drift.)
#
# **Predict**: can you hear a grid of 10 ms? Of 50 ms? Of 200 ms? Here all notes are put on such grids.


# %%
from course_utils.show import clips_player
from course_utils.synth.play import play


def on_grid(midi, step):
    """A copy of a piece with every note's beginning moved to the nearest multiple of `step` seconds."""
    moved = copy.deepcopy(midi)
    for track in moved.instruments:
        for note in track.notes:
            length = note.end - note.start
            note.start = round(note.start / step) * step
            note.end = note.start + length
    return moved


grids = {ms: play(on_grid(written, ms / 1000), seconds=6) for ms in (10, 50, 200)}
exact = play(written, seconds=6)
rows = [("as written", exact), *((f"grid of {ms} ms", sound) for ms, sound in grids.items())]
clips_player(rows, title="Rounded in time", packing="mp3", spectrogram=False, budget=280_000)

# %% [markdown]
# How much do they differ, as sounds? Here is the energy of the difference against the energy of the music. Two sounds
# of equal energy that have nothing in common reach +3 dB.

# %%
for ms, sound in grids.items():
    print(f"{ms:3d} ms: the difference is {10 * np.log10(np.mean((sound - exact) ** 2) / np.mean(exact**2)):+.0f} dB")

# %% [markdown]
# As waveforms even 10 ms leave little in common. This is the trap of SI-SDR again (lesson 01): a waveform changes long
# before the ear minds. Rhythm is better asked by another number: at how many different moments does something begin?

# %% tags=["nbval-check-output"]
print(f"as written: {len(np.unique(begins))} moments")
for ms in grids:
    print(f"{ms:3d} ms: {len(np.unique(np.round(1000 * begins / ms)))} moments")

# %% [markdown]
# Where moments are lost, notes that followed each other begin together, and the rhythm breaks. Where none is lost,
# every note keeps its place in the order, and is a little early or late. Hear the three once more. For the finest there
# is a blind test at the end of this lesson. With a kernel running, choose the grid yourself:

# %%
from course_utils.show import live


def by_grid(ms):
    sound = play(on_grid(written, ms / 1000), seconds=6)
    return clips_player([(f"grid of {ms} ms", sound)], title="Your grid", spectrogram=False, packing="mp3")


live(by_grid, ms=(1, 300, 20))

# %% [markdown]
# **What has no token.** How hard a key is struck ([velocity](glossary.md#velocity)), how far a note is bent, the pedal,
# the volume of a track: the three numbers leave no room for them. Here is a short piece that uses some of these. Which
# instruments come forward in the second sound, and which go back?

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)
    title = pretty_midi.PrettyMIDI(str(freedoom / "fd13_freedoom2_D_DM2TTL.mid"))
events_of_title = read_midi(freedoom / "fd13_freedoom2_D_DM2TTL.mid")
rows = [("from the file", play(title, seconds=10)), ("from events", play(to_pretty_midi(events_of_title), seconds=10))]
clips_player(rows, title="Before and after", source="Freedoom 2, the title", packing="mp3", budget=250_000)

# %% tags=["nbval-check-output"]
velocities = [note.velocity for track in title.instruments for note in track.notes]
print(len(velocities), "notes with", len(set(velocities)), "velocities, from", min(velocities), "to", max(velocities))
print("bends:", sum(bend.pitch != 0 for track in title.instruments for bend in track.pitch_bends), end=", ")
print("other settings:", sum(len(track.control_changes) for track in title.instruments))

# %% [markdown]
# Now the answer: how many decibels louder is each instrument, alone, from events than from the file?


# %%
from course_utils.amt import instrument_name


def decibels(midi, number=None):
    """Loudness of the first ten seconds in dB: of all instruments, or of one (128: drums)."""
    numbers = [128 if track.is_drum else track.program for track in midi.instruments]
    alone = copy.deepcopy(midi)
    alone.instruments = [t for t, n in zip(alone.instruments, numbers, strict=True) if number in (None, n)]
    return 10 * np.log10(np.mean(play(alone, seconds=10) ** 2))


for number in token_lists.instruments(events_of_title):
    change = decibels(to_pretty_midi(events_of_title), number) - decibels(title, number)
    print(f"{instrument_name(number):24s} {change:+.0f} dB")
print(f"{'all together':24s} {decibels(to_pretty_midi(events_of_title)) - decibels(title):+.0f} dB")

# %% [markdown]
# Instruments above the last figure have come forward, those below it have gone back. Listen again with this list beside
# you. Two things could have done it: the velocities, and the volume of each track (setting number 7). Take away one at
# a time, from all instruments:

# %%
from course_utils.amt.midi import VELOCITY

one_velocity, no_volume = copy.deepcopy(title), copy.deepcopy(title)
for track in one_velocity.instruments:
    for note in track.notes:
        note.velocity = VELOCITY  # what events get when they become MIDI
for track in no_volume.instruments:
    track.control_changes = [change for change in track.control_changes if change.number != 7]
for name, midi in (("one velocity for all", one_velocity), ("no volume of tracks", no_volume)):
    print(f"{name}: {decibels(midi) - decibels(title):+.0f} dB")

# %% [markdown]
# It is the volumes. Without them the piece is louder, as the second sound was, and it has lost its mix. One velocity
# alone would have made it softer; what is lost with the velocities is the accent of single notes.
#
# **On many pieces.** One piece proves nothing. Here we count in every tenth of the pieces that come with the course.
# The count starts where notes that are too long and notes without an end both occur. So do not take their shares for
# those of all pieces.


# %%
from course_utils.amt import read_midi_report


def losses(path):
    """Of one file: events, the reader's report, velocities, number of bends, how often the pedal goes down."""
    midi = mido.MidiFile(path)
    messages = [message for track in midi.tracks for message in track]
    velocities = [m.velocity for m in messages if m.type == "note_on" and m.velocity]
    bends = sum(m.type == "pitchwheel" and m.pitch != 0 for m in messages)
    pedals = sum(m.type == "control_change" and m.control == 64 and m.value >= 64 for m in messages)
    return *read_midi_report(midi), velocities, bends, pedals


found = [losses(path) for path in sorted(freedoom.glob("*.mid"))[7::10]]

# %% tags=["nbval-check-output"]
n_notes = sum(len(events) for events, *_ in found)
print(f"{len(found)} pieces, {n_notes:,} notes")
print("different velocities in a piece:", sorted(len(set(velocities)) for _, _, velocities, *_ in found))
print(f"bends: {sum(bends for *_, bends, _ in found):,}, pedal down: {sum(pedals for *_, pedals in found):,}")
for what in ("shortened", "unclosed", "past_window"):
    count = sum(getattr(report, what) for _, report, *_ in found)
    print(f"{what}: {count:,} notes, {count / n_notes:.1%}")

# %% [markdown]
# A piece with one velocity loses nothing when velocity goes. One with many loses all its accents. The pedal would
# matter in piano music. The last three lines count single notes:
#
# - `shortened`: notes of 10 s and more. They now last 9.99 s.
# - `unclosed`: notes that the file forgets to end. They now last 0.25 s.
# - `past_window`: notes that begin at 100 s or later. They are not lost, but no time token reaches them.
#
# So a longer piece is read through a window that moves along, and in the window time begins at 0 again. Here is the
# window from 60 s to 80 s:

# %% tags=["nbval-check-output"]
window = token_lists.clip(piece, 6000, 8000)
moved_back = token_lists.translate(window, -token_lists.min_time(window))
print("first onset before and after:", window[0, 0], "and", moved_back[0, 0])

# %% [markdown]
# How long may a window be? What a model sees at once is its [context](glossary.md#context). The paper's holds
# 1,024 tokens<!-- fact: AMT_CONTEXT -->: one for the mode and 341 events<!-- fact: AMT_CONTEXT_EVENTS -->, three tokens
# each.

# %% tags=["nbval-check-output"]
from course_utils import facts

rate = len(piece) / (vocab.onsets(piece)[-1] / 100)
print(f"this piece: {rate:.1f} events/s, {3 * rate:.0f} tokens/s, so {341 / rate:.0f} s fit")
print(f"Lakh: {facts.AMT_TOKENS_PER_SECOND}, give or take {facts.AMT_TOKENS_PER_SECOND_SPREAD}:", end=" ")
print(f"about {facts.AMT_CONTEXT_SECONDS} fit")

# %% [markdown]
# (Lakh is the collection of MIDI files that the paper's models learned from.) So it is the context that limits how much
# music a model sees, long before the 100 s of the time tokens do.
#
# ## 5. Moments on a line
#
# Take away what the notes are, and moments are left: points on a line of time. A rule that draws such points at random
# is a [temporal point process](glossary.md#temporal-point-process). The simplest one knows nothing. It tosses the same
# coin again and again: does the next event begin now? If yes, it writes the event and tosses once more in the same
# tick, so events may begin together. If no, it goes on to the next tick. With ever finer ticks this becomes the process
# that is named after Poisson. It has one number, the mean wait.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
onsets = vocab.onsets(piece)
mean_wait = np.diff(onsets).mean()
drawn = np.cumsum(rng.geometric(1 / (1 + mean_wait), len(piece)) - 1)
print(f"mean wait: {mean_wait:.1f} ticks. The first onsets, written:", onsets[:6], "drawn:", drawn[:6])

# %% [markdown]
# The same notes in the same order, with their durations, at the times that Poisson drew:


# %%
def heard(events, seconds=8):
    return play(to_pretty_midi(events), seconds=seconds)


scattered = piece.copy()
scattered[:, 0] = drawn
rows = [("written", heard(piece)), ("same notes, Poisson's times", heard(scattered))]
clips_player(rows, title="Who decides when?", packing="mp3", spectrogram=False, budget=180_000)

# %% [markdown]
# What did the composer know that Poisson does not? Ask after each event: nothing has begun for w ticks. What is the
# chance that the next event begins *now*? A chance like this, per tick and given the past, is called the
# [intensity](glossary.md#intensity). (In full it depends on all that was played. Here we use only the time since the
# last event.) For Poisson it is the same at all times, up to luck.


# %% tags=["nbval-check-output"]
def intensity(onsets, fewest=50):
    """Of the waits that last at least w ticks, the share that ends at w; up to where `fewest` are left."""
    waits = np.diff(onsets)
    longest = np.sort(waits)[-fewest]
    return np.array([(waits == w).sum() / (waits >= w).sum() for w in range(longest + 1)])


chance = {"written": intensity(onsets), "Poisson": intensity(drawn)}
for name, values in chance.items():
    later = values[1:]
    print(f"{name:8s} at once {values[0]:.0%}, later at most {later.max():.0%}, after {1 + later.argmax()} ticks")

# %%
import matplotlib.pyplot as plt

from course_utils.show import figure

fig, axis = plt.subplots(figsize=(8, 3))
for (name, values), mark in zip(chance.items(), "o^", strict=True):
    axis.plot(10 * np.arange(len(values)), values, marker=mark, markersize=4, label=name)
axis.set(xlabel="ms since the last event", ylabel="chance of an event now")
axis.legend()
told = "; ".join(f"{name}: {v[0]:.2f} at 0 ms, at most {v[1:].max():.2f} after that" for name, v in chance.items())
figure(fig, f"Chance that the next event begins, by the time since the last. {told}.")

# %% [markdown]
# The curve of the music is high at 0 ms, because many notes begin together. Then it falls to nothing, and rises again
# at each step of the rhythm. Whoever has waited a whole step may well expect a note. Poisson's curve has none of this.
#
# So a model must look at what was played. The paper's model does not compute an intensity. At each step it gives a
# distribution over the *next time*, given all events so far. Then one over the duration, given the time. Then one over
# the note, given both. Three tokens, one after the other, and their probabilities multiply:
#
# ```
# p(event | past) = p(time | past) x p(duration | past, time) x p(note | past, time, duration)
# ```
#
# ## 6. How long, or when?
#
# MIDI tells how long to wait. Our events tell when. Does it matter? Four notes half a second apart, and a fifth that
# comes in between:

# %% tags=["nbval-check-output"]
four = np.array([0, 50, 100, 150])
five = np.sort(np.append(four, 75))
print("arrival times:", four, "->", five)
print("waits:        ", np.diff(four, prepend=0), "->", np.diff(five, prepend=0))

# %% [markdown]
# In the first line a number is added, and all others stay. In the second a number is added *and its neighbour changes*.
# Now put in a whole part instead of one note.

# %% [markdown] exercise="merge_waits" part="card"
# #### Exercise: Merge two lists of waits
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# Each part is a list of waits: how many ticks after the note before (the first: after tick 0) each note begins. Both
# parts start at the same moment. Write the list of waits of the two together. Notes that begin at the same moment stay
# two notes, the second with a wait of 0.


# %% tags=["exercise"] exercise="merge_waits"
def merge_waits(first, second):
    """The waits of two parts played together: int64 [M] and int64 [N] -> int64 [M + N], all in ticks."""
    return None  # your code here


merge_waits = check("merge_waits", merge_waits)

# %% [markdown] exercise="merge_waits" part="solution"
# <details>
# <summary>Hint</summary>
#
# `np.cumsum` turns waits into times. What do you do with two lists of times? `np.diff(..., prepend=0)` turns times
# into waits again.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def merge_waits(first, second):
#     """The waits of two parts played together: int64 [M] and int64 [N] -> int64 [M + N], all in ticks."""
#     times = np.concatenate([np.cumsum(first), np.cumsum(second)])
#     return np.diff(np.sort(times), prepend=0)
# ```
#
# To times, sorted together, and back to waits: whoever adds a part changes the waits of the other.
#
# </details>

# %% tags=["nbval-check-output"]
print("part one:", [0, 50, 50, 50], "part two:", [25, 50])
print("together:", merge_waits(np.array([0, 50, 50, 50]), np.array([25, 50])))

# %% [markdown]
# Now on the real piece: take the harp out. What share of the numbers of the other notes stays as it was?

# %% tags=["nbval-check-output"]
harp = token_lists.instrument_of(piece) == 46
others = piece[~harp]
together, apart = np.diff(onsets, prepend=0)[~harp], np.diff(vocab.onsets(others), prepend=0)
print(f"arrival times that stay: {(onsets[~harp] == vocab.onsets(others)).mean():.0%}")
print(f"waits that stay:         {(together == apart).mean():.0%}")

# %% [markdown]
# With arrival times, parts can be taken out and put in like cards. With waits, the numbers of notes that nobody touched
# change too.
#
# The bigger difference comes now. Say that the harp is *given*, and that the model is to hear of each harp note five
# seconds before it begins. Then the list is no longer in order of time:

# %% tags=["nbval-check-output"]
from course_utils.amt import anticipate, as_controls

mixed, left = anticipate(others, as_controls(piece[harp]), delta=5.0)
steps = np.diff(vocab.onsets(mixed))
print(f"{len(mixed)} events and controls, {(steps < 0).sum()} steps back in time, the longest {steps.min()} ticks")

# %% [markdown]
# An arrival time means the same wherever in the list it stands. A wait counts from the row before it. At each step back
# it would have to be negative, and there is no token for that. So the paper writes arrival times, and controls become
# possible. Lesson 06 takes this list apart.
#
# For comparison, the paper also trains a model on waits, in the way of MIDI: a token for a wait, one for a note that
# begins, one for a note that ends. (This is the [interarrival encoding](glossary.md#interarrival-encoding).)

# %% tags=["nbval-check-output"]
from course_utils.amt.midi import midi_to_interarrival

older = midi_to_interarrival(freedoom / "fd12_freedoom1_D_INTRO.mid")
print(f"vocabulary {facts.AMT_INTERARRIVAL_VOCABULARY} instead of {facts.AMT_EVENT_VOCABULARY}")
print(f"this piece: {len(older):,} tokens with waits, {piece.size:,} with arrival times")

# %% [markdown]
# (The 34,025<!-- fact: AMT_INTERARRIVAL_VOCABULARY --> count a separator between pieces too.) Waits cost fewer tokens
# here: messages that come together share one wait. The paper counts the same on Lakh. That is the price of arrival
# times, and section 9 asks what it buys.
#
# ## 7. REST: nothing happens, and we say so
#
# A silence has no events. With arrival times the model jumps over it in one step. Two notes, four seconds apart:

# %% tags=["nbval-check-output"]
from course_utils.amt import Event, to_triples

sparse = to_triples([Event(0.3, 0.5, 72, 73), Event(4.3, 0.5, 76, 73)])
for event in to_events(token_lists.pad(sparse)):
    print(event)

# %% [markdown]
# `pad` has put a REST wherever nothing would begin for more than 1 s<!-- fact: AMT_REST_SECONDS -->. It asks for
# beginnings only: under a long chord that is still sounding there are rests too.

# %% [markdown] exercise="rest_times" part="card"
# #### Exercise: Where the rests go
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# Write at which ticks a REST must stand, so that from tick 0 to `end` nothing is farther than 100 ticks from what
# comes before it. Rests count on from the event before: after a note at tick 30 they stand at 130, 230, ... A step of
# exactly 100 ticks needs none.


# %% tags=["exercise"] exercise="rest_times"
def rest_times(onsets, end):
    """A list of the ticks at which RESTs must stand, so that from 0 to `end` no step is over 100; onsets in order."""
    return None  # your code here


rest_times = check("rest_times", rest_times)

# %% [markdown] exercise="rest_times" part="solution"
# <details>
# <summary>Hint</summary>
#
# Keep the last tick at which something stands. While the next onset (or the end) is more than 100 ticks away, put a
# rest 100 ticks after the last.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def rest_times(onsets, end):
#     """A list of the ticks at which RESTs must stand, so that from 0 to `end` no step is over 100; onsets in order."""
#     rests, last = [], 0
#     for tick in [*onsets, end]:
#         while tick - last > 100:
#             last += 100
#             rests.append(last)
#         last = tick
#     return rests
# ```
#
# Time never jumps by more than a second.
#
# </details>

# %% tags=["nbval-check-output"]
padded = token_lists.pad(sparse, 600)
print("yours:  ", rest_times(vocab.onsets(sparse).tolist(), 600))
print("library:", vocab.onsets(padded)[vocab.is_rest(padded)].tolist())

# %% [markdown]
# What is it good for? A control is to come five seconds early. But a list has no place "at 7 s" if nothing stands
# there. Take events at 0 s, 20 s and 21 s, and a melody note that begins at 12 s. After which row does the model hear
# of it?

# %% tags=["nbval-check-output"]
bare = to_triples([Event(second, 0.5, 60, 0) for second in (0, 20, 21)])
due = as_controls(to_triples([Event(12, 0.5, 72, 73)]))
for name, events in (("without REST", bare), ("with REST", token_lists.pad(bare))):
    listed, _ = anticipate(events, due)
    place = int(vocab.is_control(listed).argmax())
    print(f"{name}: after the row at {vocab.onsets(listed)[place - 1] / 100:.0f} s")

# %% [markdown]
# Without rests the news comes when the note is long over. With them it comes in time. (And without the event at 21 s
# the control would find no place at all: a control is put in only before a next event. Lesson 06 writes that rule.)
#
# How many rests does real music need? First the pieces of section 4, with all their instruments. Then each instrument
# of our piece alone:


# %% tags=["nbval-check-output"]
def count_rests(events):
    return int(vocab.is_rest(token_lists.pad(events)).sum())


print("whole pieces:", [count_rests(token_lists.sort(events)) for events, *_ in found])
for number in token_lists.instruments(piece):
    alone = piece[token_lists.instrument_of(piece) == number]
    print(f"{instrument_name(number):24s} {len(alone):4d} notes, {count_rests(alone):3d} rests")

# %% [markdown]
# A whole piece needs few or none, because somebody nearly always begins a note. A part by itself pauses while others
# play, and then it needs them. A part that never pauses does not.
#
# ## 8. The same numbers again, higher
#
# A control is an event with 27,513<!-- fact: AMT_CONTROL_OFFSET --> added to each of its three numbers. So each token
# says by itself whether it was given to the model or is the model's own to write.

# %% tags=["nbval-check-output"]
first = piece[harp][:1]
control = as_controls(first)
print(first[0], "->", control[0], "difference", (control - first)[0])
for token in control[0].tolist():
    print(f"{token:6d}  {describe(token)}")

# %% [markdown]
# Which rows of the mixed list of section 6 are controls? The note tells, and no shift in time can change it:

# %% tags=["nbval-check-output"]
is_control = vocab.is_control(mixed)
print(f"{is_control.sum()} controls, the harp has {harp.sum()} notes")
back = token_lists.combine(*token_lists.split(mixed))
print("taken apart and put together, as many events as before:", len(back) == len(piece))

# %% [markdown]
# ## 9. Bits per second
#
# How good is a model of events? As in lesson 02, ask what the true next token costs it: minus log2 of its probability,
# in bits. [Perplexity](glossary.md#perplexity) says the same in another way: 2 to the power of the mean bits. It is as
# if the model had to choose among so many equally likely tokens. For a fair die it is the number of its faces:

# %% tags=["nbval-check-output"]
die = np.full(6, 1 / 6)
bits = -(die * np.log2(die)).sum()
print(f"a fair die: {bits:.3f} bits, perplexity {2**bits:.0f}")

# %% [markdown]
# The paper has a table of its models (table 1). For each model of arrival times it gives four perplexities: of an
# event, and of its three tokens. Here is the line of the Medium model after the longest training. By the formula of
# section 5 the probabilities of the three multiply. So their bits add up, and their perplexities multiply. Do they?

# %% tags=["nbval-check-output"]
parts = [facts.AMT_PPL_TIME, facts.AMT_PPL_DURATION, facts.AMT_PPL_NOTE]
print(" x ".join(map(str, parts)), "=", facts.AMT_PPL_PRODUCT, "- the table says", facts.AMT_PPL_EVENT)
low, high = (math.prod(part.value + step for part in parts) for step in (-0.005, 0.005))
print(f"rounding leaves room from {low:.2f} to {high:.2f}")

# %% [markdown]
# They do. Which of the three is the hardest to guess?

# %% tags=["nbval-check-output"]
for name, part in zip(("time", "duration", "note"), parts, strict=True):
    print(f"{name:8s} perplexity {part}, {math.log2(part.value):.2f} bits")

# %% [markdown]
# The duration costs most, the time least. Section 5 shows a part of the reason: often the next event begins at once.
# And mind what the note costs. Given the past, the time and the duration, it is as if about two choices were left of
# 16,512<!-- fact: AMT_NOTES -->.

# %% [markdown] exercise="bits_per_second" part="card"
# #### Exercise: From perplexity to bits per second
#
# ●●○○○ difficulty 2 of 5 · about 5 minutes
#
# Write what a second of music costs in bits, from the perplexities of time, duration and note and the number of events
# in a second.


# %% tags=["exercise"] exercise="bits_per_second"
def bits_per_second(ppl_time, ppl_duration, ppl_note, events_per_second):
    """What a second of music costs, in bits, from the perplexities of the three tokens of an event."""
    return None  # your code here


bits_per_second = check("bits_per_second", bits_per_second)

# %% [markdown] exercise="bits_per_second" part="solution"
# <details>
# <summary>Hint</summary>
#
# The bits of three tokens add up. What do their perplexities do? A perplexity of 8 is 3 bits.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def bits_per_second(ppl_time, ppl_duration, ppl_note, events_per_second):
#     """What a second of music costs, in bits, from the perplexities of the three tokens of an event."""
#     return math.log2(ppl_time * ppl_duration * ppl_note) * events_per_second
# ```
#
# Log2 of the product, times the events of a second.
#
# </details>

# %% [markdown]
# How many events does a second have? Lakh has 663,555,310 events<!-- fact: AMT_EVENTS --> in
# 8,943 h<!-- fact: AMT_HOURS -->.

# %% tags=["nbval-check-output"]
rate = facts.AMT_EVENTS.value / (facts.AMT_HOURS.value * 3600)
print(f"{rate:.1f} events a second")
print(f"from the three tokens: {bits_per_second(*(part.value for part in parts), rate):.1f} bit/s")
print(f"from the event:        {math.log2(facts.AMT_PPL_EVENT.value) * rate:.1f} bit/s")
print(f"the table says:        {facts.AMT_BITS_MEDIUM_800K}")

# %% [markdown]
# The identities hold, up to rounding. Backwards, the perplexity of an event follows for every line of the table, also
# for the first, where the paper gives none. (Its table is measured on a test part of Lakh, which has slightly more
# events a second than the whole. So the paper's perplexities differ a little in the last digit that it gives.)

# %% tags=["nbval-check-output"]
for name, fact in facts.AMT_BITS_TABLE:
    print(f"{name:29s} {fact}   perplexity of an event {2 ** (fact.value / rate):5.2f}")

# %% [markdown]
# Why bits per *second*? The first line's tokens are waits, beginnings and ends. Their perplexities cannot be compared
# with those of times, durations and notes: they are other tokens, and there is another number of them. A second of
# music is the same second for both.
#
# So what do arrival times buy? Fewer bits for the same music. Compare the first two lines:
# 85.9 bit/s<!-- fact: AMT_BITS_SMALL_INTERARRIVAL --> with waits, 80.4 bit/s<!-- fact: AMT_BITS_SMALL_AR --> with
# times.
#
# And what does it cost that a model *can* take controls? Compare lines two and three, both asked without controls: 80.4
# bit/s<!-- fact: AMT_BITS_SMALL_AR --> against 80.7 bit/s<!-- fact: AMT_BITS_SMALL -->, next to nothing. After the
# longer training, in lines four and five, it costs less than nothing: 75.7 bit/s<!-- fact: AMT_BITS_SMALL_800K_AR -->
# against 75.0 bit/s<!-- fact: AMT_BITS_SMALL_800K -->.
#
# **A model of your own.** It only counts. How often does each wait, each duration, each note occur in the first half of
# our piece? It must guess the second half. (For the time it counts waits: if you know when the last event was, the wait
# tells the time. 0.01 is added to each count, so that nothing is impossible.)


# %% tags=["nbval-check-output"]
def cost(numbers, size):
    """Bits of a token in the second half, guessed by the counts of the first: int64 [N] -> float."""
    first, second = np.array_split(numbers, 2)
    counts = np.bincount(first, minlength=size) + 0.01
    return float(-np.log2(counts[second] / counts.sum()).mean())


columns = {"time": (np.diff(onsets, prepend=0), 10_000)}
columns |= {"duration": (vocab.durations(piece), 1_000), "note": (vocab.notes(piece), 16_512)}
bits = {name: cost(numbers, size) for name, (numbers, size) in columns.items()}
for name, value in bits.items():
    print(f"{name:8s} {value:5.2f} bits, perplexity {2**value:7.2f}")

# %% tags=["nbval-check-output"]
own_rate = len(piece) / (onsets[-1] / 100)
ppl = [2**value for value in bits.values()]
print(f"event: perplexity {math.prod(ppl):.0f}, {sum(bits.values()) * own_rate:.0f} bit/s")
print(f"by your function: {bits_per_second(*ppl, own_rate):.0f} bit/s")

# %% [markdown]
# The same identities, on a model of three tables. But now the note is the hardest of the three: the tables do not know
# what was just played. (Do not set its figure against the paper's: another piece, and another number of events a
# second. Figures of models can be compared only on the same music.)
#
# How much is that in sound? The codec of lesson 01 needs 7.75 kbit/s<!-- fact: DAC_BIT_RATE -->:

# %% tags=["nbval-check-output"]
print(f"codec / Medium model: {facts.DAC_BIT_RATE.value / facts.AMT_BITS_MEDIUM_800K.value:.0f} times as many bits")

# %% [markdown]
# This is not quite fair. The codec's rate counts full ten bits for every code, and the notes are counted at what a
# trained model pays. Now without a model on either side, every token at the full bits of its range:

# %% tags=["nbval-check-output"]
plain = rate * math.log2(times * durations * notes)
print(f"notes without a model: {plain:.0f} bit/s")
print(f"codec / notes without a model: {facts.DAC_BIT_RATE.value / plain:.0f} times as many bits")

# %% [markdown]
# That much comes from writing notes instead of sound. The rest of the first figure is what the model knows about music.
# But notes are no sound yet.
#
# ## 10. From notes to sound
#
# All that you heard here was played by a synthesiser that comes with the course. It is a *sampler*: it holds short
# recordings of instruments in one file, a [soundfont](glossary.md#soundfont), and plays them at the right pitch. MIDI's
# standard list (General MIDI) has 128 instruments and drums. To stay small, our soundfont has fewer:

# %% tags=["nbval-check-output"]
from course_utils.synth.play import shipped_font
from course_utils.synth.soundfont import read_presets

voices = [preset for preset in read_presets(shipped_font()) if preset.bank == 0]
print(f"{len(voices)} instruments and a drum kit:", ", ".join(preset.name for preset in voices))

# %% [markdown]
# What about the others? Silence would be a lie: you would hear a piece without its harp and not know it. So a relative
# plays: for what is plucked something that is plucked, for what is blown something that is blown. And a sentence says
# so. In our piece:

# %% tags=["nbval-check-output"]
from course_utils.synth.play import what_is_said

for sentence in what_is_said(written):
    print(sentence)

# %% [markdown]
# Is any of the 128 silent? Let each play a middle C:

# %% tags=["nbval-check-output"]
loud = {n: abs(play(to_pretty_midi(to_triples([Event(0, 0.2, 60, n)])), 22050, 0.25)).max() for n in range(128)}
print("silent:", [number for number, peak in loud.items() if peak < 1e-3])

# %% [markdown]
# **Is it exact?** A note moved by one tick must begin 441 samples later (a hundredth of 44,100), no more and no less.
# At which sample does the sound set in? Subtract the first line from the others: its short silence is in all of them.

# %% tags=["nbval-check-output"]
for tick in (0, 1, 2, 100):
    sound = heard(to_triples([Event(tick / 100, 0.3, 60, 0)]), seconds=2)
    print(f"note at tick {tick:3d}: sound from sample {np.flatnonzero(sound)[0]}")

# %% [markdown]
# **Is it fast?** Twenty seconds of our piece, all five instruments, the best of five tries:

# %%
took = []
for _ in range(5):
    began = time.perf_counter()
    twenty = heard(piece, seconds=20)
    took.append(time.perf_counter() - began)
print(f"{20 / min(took):.0f} times as fast as real time")

# %% [markdown]
# **Which synthesiser?** The plainest has no recordings at all: pretty_midi, the package that reads MIDI, can play each
# note as a sine wave, without drums. Both sounds are equally strong here. **Listen**: which of the instruments do you
# still know? The events are the same. All that you miss is the synthesiser's.

# %%
opening = to_pretty_midi(token_lists.clip(piece, 0, 599))
recorded, sines = play(opening, seconds=6), opening.synthesize(44_100)[: 6 * 44_100]
sines = sines * np.sqrt(np.mean(recorded**2) / np.mean(sines**2))
clips_player(
    [("our soundfont", recorded), ("sine waves", sines)], title="One piece, two synthesisers", source="Freedoom",
    spectrogram=False, packing="mp3", budget=140_000,
)  # fmt: skip

# %% [markdown]
# Another choice is FluidSynth, a larger synthesiser. It is a program of its own, and not installed everywhere. More
# instruments do not come from the synthesiser, but from the soundfont: for all 128 give `play` a complete one,
# `font="..."`, with either of the two. Ask for FluidSynth, and you get it, or a sentence that says what is missing. (It
# brings every sound to full level. So do not compare loudness with it.)

# %%
from course_utils.synth.play import FluidSynthError

try:
    play(written, seconds=1, fluidsynth=True)
    print("FluidSynth is here: add fluidsynth=True to any `play` above")
except FluidSynthError as error:
    print(error)

# %% [markdown]
# > **Paper, article, released code.**
# >
# > - *How many files has Lakh?* The article that this course follows prints
# >   176,581<!-- fact: AMT_FILES_ARTICLE -->, the paper 178,561<!-- fact: AMT_FILES -->: two digits have swapped.
# >   Of these, 174,046<!-- fact: AMT_FILES_PARSED --> could be read, and 164,747<!-- fact: AMT_SEQUENCES --> sequences
# >   were kept.
# > - *Which tick?* The released code rounds when it reads MIDI, and cuts off where its tools are given seconds. Here
# >   seconds are rounded everywhere; `compat=True` cuts off as released:

# %% tags=["nbval-check-output"]
from course_utils.amt import ticks

print("0.29 s is tick", ticks(0.29), "- as released", ticks(0.29, compat=True), "- because 100 x 0.29 is", 100 * 0.29)

# %% [markdown]
# > - *After 275 s.* When the released code converts events back, it takes a time token of
# >   27,513<!-- fact: AMT_CONTROL_OFFSET --> or more for a control's and subtracts that number: the note jumps 275 s
# >   back. Ours knows a control by its note:

# %% tags=["nbval-check-output"]
late = to_triples([Event(280, 0.5, 60, 0)])
print("time token", late[0, 0], ">= 27513; is it a control:", bool(vocab.is_control(late)[0]))

# %% [markdown]
# ## Listening test
#
# As written, or on the grid of 10 ms? Guess first: how many of ten will you get right? Then press *Start the blind
# test*.

# %%
pair = [("as written", exact[: 4 * 44100]), ("10 ms", grids[10][: 4 * 44100])]
clips_player(pair, title="A, B, X", abx=(0, 1), spectrogram=False, packing="mp3", budget=160_000)

# %% [markdown]
# <details><summary>How to read your score</summary>
#
# Guessing gives five of ten on average; nine or ten happen by luck about once in a hundred tries. If you cannot tell
# them apart, the tick is short enough *for this piece and for you*. Then try it with 50 ms: write `grids[50]` for
# `grids[10]`.
#
# </details>
#
# ## What you can do now
#
# - **Convert** a MIDI file's ticks to seconds, through any number of tempo changes.
# - **Write** a note as three tokens, read three tokens as a note, and count the vocabulary.
# - **Say** what events lose, and measure how much of it a piece had.
# - **Explain** why arrival times can be merged and reordered, and waits cannot.
# - **Place** rests, and show what goes wrong without them.
# - **Check** a table of perplexities, and turn it into bits per second.
#
# ## To discuss
#
# 1. (10 min) Velocity is dropped. Which music suffers most? How would you add it: a fourth token, or a larger note?
#    What does each cost?
# 2. (5 min) The note token holds instrument and pitch together. What would be gained and lost with two tokens?
# 3. (10 min) The tick is 10 ms for all music. What would you lose if it were a sixteenth of a beat, and what gain?
# 4. (5 min) A model with 60 bit/s and one with 70 bit/s: is the first one's music better?
#
# <details><summary>For whoever leads the discussion</summary>
#
# 1. Solo piano. A fourth token makes every sequence a third longer; 32 velocities in the note make 32 x 16,512 notes,
#    most of them never seen.
# 2. Fewer numbers to learn, and pitches shared between instruments; longer sequences, so less music in the context.
# 3. Beats would be exact and shared by all tempos, but nothing could be late on purpose, and a file must know its beat.
#    Many files do not.
# 4. It is better at guessing what *was* written. What it writes when nobody corrects it is another question: lesson 07.
#
# </details>
#
# ## Where this comes from
#
# - Anticipatory Music Transformer (arXiv 2306.08620v2): the point process, section 2; three tokens for a note and the
#   encoding by waits, section 2.1, equations 1 and 2; REST, section 3.2; the table of results, table 1 in section 4.1;
#   every token's number, appendix C; bits per second, appendix F.
# - The reader and the vocabulary: `course_utils/amt/midi.py`, `vocab.py` and `token_lists.py`, checked against the
#   released code in `tests/conformance`.
# - The music: Freedoom, `data/midi/freedoom/LICENCE-freedoom.txt`. The synthesiser: `course_utils/synth/render.py`.

# %% [markdown] made="next"
# **Next:** [06 · Four interleavings](06_four_interleavings.ipynb). After it you can put events and controls in an
# order that a model can sample from, and catch a rule that looks into the future.

# %%
import io

from course_utils.show.frame import downloads

buffer = io.BytesIO()
to_midi(piece).save(file=buffer)
downloads({"events.mid": buffer.getvalue(), "events.flac": (twenty[: 6 * 44100], 44100)})

# %%
from course_utils.show.frame import reproducibility

reproducibility(seed=0, models=(), packages=("numpy", "mido", "pretty_midi", "tinysoundfont", "soundfile"))
