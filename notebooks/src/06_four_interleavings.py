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
# # 06 · Four interleavings
#
# **After this lesson you can** put events and controls in an order that a model can sample from, and catch a rule that
# looks into the future.
#
# 40 minutes to read, 87 with the exercises · builds on: lesson 05
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/06_four_interleavings.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/06_four_interleavings.ipynb

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
import warnings

import numpy as np

from course_utils import amt
from course_utils.amt import as_controls, read_midi, to_events, to_pretty_midi, token_lists, vocab
from course_utils.amt.vocab import onsets
from course_utils.exercises.lesson06 import check
from course_utils.paths import data_folder
from course_utils.show.frame import begin
from course_utils.synth.render import SubstitutionWarning

begin("06")
warnings.simplefilter("ignore", SubstitutionWarning)

# %% [markdown]
# **Hear it first.** Twenty seconds of a piece from the free game Freedoom. A sitar sings, at first alone. Then a choir,
# drums and a bass come in under it. Switch between the melody alone, the others alone, and all of them. (The course's
# small soundfont has neither a sitar nor a choir. Below the player it says what you hear in their place.)


# %%
def excerpt(piece, instrument, start, seconds=20):
    """Of some seconds of a piece: the events of all others, and those of one instrument as controls."""
    part = token_lists.clip(piece, 100 * start, 100 * (start + seconds) - 1)
    part = token_lists.translate(part, -100 * start)
    given = token_lists.instrument_of(part) == instrument
    return part[~given], as_controls(part[given])


freedoom = data_folder() / "midi" / "freedoom"
piece = read_midi(freedoom / "fd12_freedoom2_D_BETWEE.mid")
band, melody = excerpt(piece, instrument=104, start=10)

# %%
from course_utils.show import clips_player
from course_utils.synth.play import play


def heard(rows, seconds=20):
    return play(to_pretty_midi(rows), seconds=seconds)


def together(band, melody, seconds=20):
    return heard(band, seconds) + 4 * heard(melody, seconds)  # four times as loud: plucked notes die away


rows = [("melody", 4 * heard(melody)), ("the others", heard(band)), ("all", together(band, melody))]
clips_player(
    rows, title="What is given, what is to be written", source="Freedoom", packing="mp3", spectrogram=False,
    budget=700_000,
)  # fmt: skip

# %%
from course_utils.synth.play import what_is_said

print(*what_is_said(token_lists.combine(band, melody)), sep="\n")

# %% tags=["nbval-check-output"]
print("melody:", len(melody), "notes - the others:", len(band), "notes")

# %% [markdown]
# ## 1. Why controls at all?
#
# A model that writes music from left to right can *continue* a piece: it reads what there is, and writes what comes
# next. But say that you have a melody, and want a band to play with it. Now something is fixed that lies in the
# *future* of each moment. A good bass player knows the next few notes of the song.
#
# So we have two piles of notes. [Events](glossary.md#event) are what the model is to write: here the band.
# [Controls](glossary.md#control) are what it is given: here the melody. A model reads one sequence. In which order do
# we put the two piles into it? That is the question of this lesson. The answer is called an
# [interleaving](glossary.md#interleaving).
#
# First hear what the band must know. Which of three melodies belongs to it?

# %%
from course_utils.exercises.lesson06 import BLIND

higher, late = (melody + np.array(shift) for shift in ([0, 0, 2], [25, 0, 0]))  # two semitones; 25 ticks of 10 ms
variants = {"its own": melody, "a whole tone higher": higher, "a quarter of a second late": late}
blind = [(letter, together(band, variants[name], seconds=15)) for letter, name in BLIND.items()]
clips_player(blind, title="One band, three melodies", packing="mp3", spectrogram=False, budget=500_000)

# %% [markdown] exercise="which_melody" part="card"
# #### Exercise: Which melody belongs to this band?
#
# ●○○○○ difficulty 1 of 5 · about 3 minutes
#
# Three times the same band. In one the melody is the piece's own. In one it is a whole tone higher, in one it comes a
# quarter of a second late. Write the letter of the piece's own.

# %% tags=["exercise"] exercise="which_melody"
which_melody = None  # "a" or "b" or "c"
which_melody = check("which_melody", which_melody)

# %% [markdown] exercise="which_melody" part="solution"
# <details>
# <summary>Hint</summary>
#
# Listen to the long choir notes first: which melody rests on them? Then to the drums: which one falls between the
# beats?
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# which_melody = "b"
# ```
#
# Sound b is the piece's own; in a the pitches rub, in c the beats do.
#
# </details>

# %% [markdown]
# A wrong pitch rubs, a wrong time stumbles. A band that does not know the melody *beforehand* avoids both only by luck.
#
# ## 2. Four orders of the same rows
#
# A row is one event or one control, three tokens. We begin with rows that fit on a line: eight events, one a second,
# and two controls. Of each we write only the onset.

# %% tags=["nbval-check-output"]
events, controls = [0, 1, 2, 3, 4, 5, 6, 7], [2.5, 6.2]  # onsets, seconds


def written(order, events, controls):
    """The rows in an order, as a line of text: e for events, c for controls."""
    rows = [f"e{time}" for time in events] + [f"c{time}" for time in controls]
    return [rows[place] for place in order]


print(*written(range(10), events, controls))

# %% [markdown]
# An order is a list of places in this line: 0 to 7 are the events, 8 and 9 the controls.
#
# **Order 1, autoregressive.** Nothing is given. The melody is made of events like all others, in order of time, and the
# model has to write it too. So there is no `c` in this line:

# %% tags=["nbval-check-output"]
print(*[f"e{time}" for time in sorted(events + controls)])

# %% [markdown]
# **Order 2, [seq2seq](glossary.md#seq2seq).** All controls first, then all events. The name, *sequence to sequence*,
# comes from translation: read a whole sentence, then write a whole sentence.

# %% tags=["nbval-check-output"]
seq2seq = [8, 9, 0, 1, 2, 3, 4, 5, 6, 7]
print(*written(seq2seq, events, controls))

# %% [markdown]
# The model knows everything when it begins. But the control `c6.2` stands far from `e6`, with which it sounds. The
# longer the piece, the farther: section 7 counts it on real music.
#
# **Order 3, sort by time.** Each control stands where it sounds. You write this one.

# %% [markdown] exercise="sort_order" part="card"
# #### Exercise: Sort by time
#
# ●●○○○ difficulty 2 of 5 · about 6 minutes
#
# Write the third order. Events and controls come as two lists of onsets. Return the *places* of the rows in order of
# time: event number i is place i, control number j is place len(events) + j. Where an event and a control begin at the
# same moment, the event comes first.


# %% tags=["exercise"] exercise="sort_order"
def sort_order(events, controls):
    """A list of the rows' places in order of onset: event i is place i, control j is place len(events) + j."""
    return None  # your code here


sort_order = check("sort_order", sort_order)

# %% [markdown] exercise="sort_order" part="solution"
# <details>
# <summary>Hint</summary>
#
# Put both lists behind one another: `times = [*events, *controls]`. Then `sorted(range(len(times)), key=...)`.
# Python's `sorted` leaves equal ones in the order in which they were.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def sort_order(events, controls):
#     """A list of the rows' places in order of onset: event i is place i, control j is place len(events) + j."""
#     times = [*events, *controls]
#     return sorted(range(len(times)), key=lambda place: times[place])
# ```
#
# The places, sorted by the onset that stands there.
#
# </details>

# %% tags=["nbval-check-output"]
by_time = sort_order(events, controls)
print(*written(by_time, events, controls))

# %% [markdown]
# Now each control stands next to what it concerns. But the band hears of a note only when it sounds, not before. And
# something worse is wrong with this order. Section 4 finds it.
#
# **Order 4, [anticipation](glossary.md#anticipation).** Each control comes a fixed time before it sounds. This time is
# called [delta](glossary.md#delta). Take delta = 2. From 2.5 - 2 = 0.5 on, the control at 2.5 is *due*. The model has
# no clock but the events that it has written. So the control stands behind the first event from 0.5 on. (What is due
# by time 0 needs no event: it stands before the first one. And behind the last event no control is put in.) Which event
# is that?

# %% tags=["nbval-check-output"]
delta = 2
for control in controls:
    first = min(event for event in events if event >= control - delta)
    print(f"c{control} may come from {control - delta:.1f} on: it stands behind e{first}")

# %% tags=["nbval-check-output"]
anticipation = [0, 1, 8, 2, 3, 4, 5, 9, 6, 7]
print(*written(anticipation, events, controls))

# %% [markdown]
# The library's orders on the same lists:

# %% tags=["nbval-check-output"]
from course_utils.amt.interleave import ORDERS

by_hand = {"seq2seq": seq2seq, "sort": by_time, "anticipation": anticipation}
for mode, order in by_hand.items():
    print(f"{mode:12s} the same: {ORDERS[mode](events, controls, delta) == order}")

# %% [markdown]
# ## 3. How far?
#
# A control concerns most the event that begins nearest to it in time; of two that are equally near, take the first. How
# many tokens is it from the one to the other?

# %% [markdown] exercise="control_distances" part="card"
# #### Exercise: How far from what it concerns?
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# A control concerns most the event whose onset is nearest its own; of two that are equally near, the first. For each
# control, count how many *tokens* after it this event stands in the order. Where the event stands before the control,
# the number is negative. Three tokens a row.


# %% tags=["exercise"] exercise="control_distances"
def control_distances(order, events, controls):
    """A list: how many tokens after each control its nearest event in time stands; negative if before it."""
    return None  # your code here


control_distances = check("control_distances", control_distances)

# %% [markdown] exercise="control_distances" part="solution"
# <details>
# <summary>Hint</summary>
#
# `order.index(place)` tells where a place stands. The nearest event: `min(range(len(events)), key=lambda event:
# abs(events[event] - onset))`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def control_distances(order, events, controls):
#     """A list: how many tokens after each control its nearest event in time stands; negative if before it."""
#     stands = {place: position for position, place in enumerate(order)}
#     found = []
#     for number, onset in enumerate(controls):
#         nearest = min(range(len(events)), key=lambda event: abs(events[event] - onset))
#         found.append(3 * (stands[nearest] - stands[len(events) + number]))
#     return found
# ```
#
# 3 x (where the nearest event stands - where the control stands).
#
# </details>

# %% tags=["nbval-check-output"]
for mode, order in by_hand.items():
    print(f"{mode:12s}", control_distances(order, events, controls), "tokens")

# %% [markdown]
# Plus means: the control comes first, the band can prepare. Minus: too late. Seq2seq is far, and farther with every
# row. Sort is near, and too late. Anticipation is near *and* in time.
#
# ## 4. A game: may you write the next row?
#
# You are the sampler. You write one sequence from left to right, in ink. The controls lie on the table: the next one is
# at 3.6 s. The events you draw from an urn, one by one, and you never know the next before you have drawn it. The rule
# is *sort by time*. So far you have written this:

# %% tags=["nbval-check-output"]
print("e0.0 e1.0 e2.0 e3.0 ...        on the table: c3.6")

# %% [markdown]
# **Stop and decide**: what do you write next, the control, or an event from the urn?
#
# <details><summary>Then open this</summary>
#
# You cannot know. If the next event is at 3.2, it comes before the control. If it is at 4.0, the control comes before
# it. To decide *whether to draw*, you must know what you would draw.
#
# </details>
#
# Here are the two futures, sorted by the rule:

# %% tags=["nbval-check-output"]
past = [0.0, 1.0, 2.0, 3.0]
for future in ([3.2, 4.0], [4.0, 5.0]):
    times = past + future
    print(*written(sort_order(times, [3.6]), times, [3.6]))

# %% [markdown]
# Both lines agree up to `e3.0`. Then one goes on with an event, the other with the control. All that you knew was the
# same. Could you guess? In the real excerpt, after each row, guess that the band goes on as it did: the next wait is as
# long as the last one. How often is this right about whether a control comes next?

# %% tags=["nbval-check-output"]
sorted_rows = amt.arrange(band, melody, "sort").tokens
is_control, times = vocab.is_control(sorted_rows), onsets(sorted_rows)
right, events_next, asked = 0, 0, 0
for n in range(2, len(times) - 1):
    upcoming = times[n + 1 :][is_control[n + 1 :]]  # the controls on the table
    before = times[: n + 1][~is_control[: n + 1]]
    if len(upcoming) and len(before) > 1:
        guess = upcoming[0] < before[-1] + (before[-1] - before[-2])
        right, asked = right + (guess == is_control[n + 1]), asked + 1
        events_next += not is_control[n + 1]
print(f"right after {right} of {asked} rows; who always says 'an event' is right after {events_next}")

# %% [markdown]
# The guess is not even better than always saying 'an event', and who always says that never puts in a control. Each
# wrong guess is in ink: a sequence that the rule would never make, so none of that kind was in training.
#
# A moment that can be recognised when it comes, from the past alone, is called a
# [stopping time](glossary.md#stopping-time). "The third red traffic light" is one: count, and stop. "The last red
# light before the motorway" is none: at the light, nobody knows whether another will follow.
#
# *Sort by time* says: the control comes after the **last** event before it. That is the second kind. *Anticipation*
# says: after the **first** event from control - delta on (or at the very beginning, if that is before 0). That is the
# first kind.
#
# From this we make a test. Take one past and two futures. Let the rule write both sequences. Where they first differ,
# is a control in play?

# %% [markdown] exercise="looked_ahead" part="card"
# #### Exercise: Did the rule look ahead?
#
# ●●●○○ difficulty 3 of 5 · about 7 minutes
#
# Two futures, and the two sequences that a rule made of them, as lists of rows: "e3.2" is an event at 3.2 s, "c3.6" a
# control. Return True if, at the first place where they differ, at least one of the two rows is a control: the rule
# must have known the future. If both are events, the music differs there, and that is no fault. Where one sequence
# just ends earlier, nothing can be said: False.


# %% tags=["exercise"] exercise="looked_ahead"
def looked_ahead(one, other):
    """Whether a control is in play where two sequences first differ; rows are like "e3.2" and "c3.6"."""
    return None  # your code here


looked_ahead = check("looked_ahead", looked_ahead)

# %% [markdown] exercise="looked_ahead" part="solution"
# <details>
# <summary>Hint</summary>
#
# Go through both with `zip(one, other)`. At the first difference, `row.startswith("c")` tells a control.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def looked_ahead(one, other):
#     """Whether a control is in play where two sequences first differ; rows are like "e3.2" and "c3.6"."""
#     for row, another in zip(one, other, strict=False):
#         if row != another:
#             return row.startswith("c") or another.startswith("c")
#     return False
# ```
#
# Up to the first difference both futures are the same history, and a control is not sampled.
#
# </details>

# %% tags=["nbval-check-output"]
one, other = (past + future for future in ([3.2, 4.0], [4.0, 5.0]))
for mode in ("seq2seq", "sort", "anticipation"):
    pair = [written(ORDERS[mode](times, [3.6], 2), times, [3.6]) for times in (one, other)]
    print(f"{mode:12s} {' '.join(pair[0])}  |  {' '.join(pair[1])}  looked ahead: {looked_ahead(*pair)}")

# %% [markdown]
# The test looks at what a rule *does*, whatever it is called. Two futures that do not betray a rule prove nothing, so
# section 8 tries many.
#
# ## 5. Write `anticipate`
#
# Now the real function, on real rows of three tokens. Note what the sampler knows: the onset of the last event that it
# *has written*. It does not know the onset of the next one.

# %% [markdown] exercise="anticipate" part="card"
# #### Exercise: Write `anticipate`
#
# ●●●●○ difficulty 4 of 5 · about 15 minutes
#
# The real thing, on real rows. A sampler has written some events; the last one begins at tick `heard` (0 at the
# start). Before each next event, put in every control that is not in yet and whose onset is no more than delta seconds
# after `heard`. Controls that no event follows are left over: return them as the second result. Both lists are in
# order of time, `onsets(rows)` gives their onsets in ticks, and a second has 100 ticks. Delta may be a fraction, 0, or
# infinite.


# %% tags=["exercise"] exercise="anticipate"
def anticipate(events, controls, delta):
    """Events and controls, int64 [N, 3] and [M, 3], as one sequence; delta in seconds. And the controls left over."""
    return None  # your code here


anticipate = check("anticipate", anticipate)

# %% [markdown] exercise="anticipate" part="solution"
# <details>
# <summary>Hint</summary>
#
# One loop over the events, inside it a `while` over the controls that are due. What is `heard` when you stand before
# an event: its own onset, or that of the event before it?
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def anticipate(events, controls, delta):
#     """Events and controls, int64 [N, 3] and [M, 3], as one sequence; delta in seconds. And the controls left over."""
#     due = onsets(controls) - 100 * delta  # in ticks: from here on a control may come
#     rows, heard, n = [], 0, 0
#     for event, onset in zip(events, onsets(events), strict=True):
#         while n < len(controls) and due[n] <= heard:
#             rows.append(controls[n])
#             n += 1
#         rows.append(event)
#         heard = onset
#     return np.array(rows, dtype=np.int64).reshape(-1, 3), controls[n:]
# ```
#
# Judged by the last event that was heard, so that nothing is used that is not known yet.
#
# </details>

# %% tags=["nbval-check-output"]
tokens, left_over = anticipate(band, melody, delta=5)
theirs, their_left_over = amt.anticipate(band, melody, delta=5)
print("the same as the library's:", np.array_equal(tokens, theirs), np.array_equal(left_over, their_left_over))
print(len(tokens), "rows, left over:", len(left_over))

# %% [markdown]
# One piece proves little. Here are properties that must hold for *every* piece. Try them on 200 random ones.


# %%
def random_rows(rng, most, instrument):
    """Up to `most` notes at random times in 20 s, in order, int64 [N, 3]."""
    times = np.sort(rng.integers(0, 2000, rng.integers(1, most)))
    return np.array([[time, 10_020, 11_060 + 128 * instrument] for time in times])


rng = np.random.default_rng(0)
pairs = [(random_rows(rng, 60, 0), as_controls(random_rows(rng, 20, 104))) for _ in range(200)]

# %% [markdown]
# **Round trip.** Nothing is lost, nothing invented. Taken apart again, the sequence and what is left over give both
# lists back, each in its own order.


# %% tags=["nbval-check-output"]
def round_trip(events, controls):
    tokens, left = anticipate(events, controls, 5)
    control = vocab.is_control(tokens)
    back = np.concatenate([tokens[control], left])
    return np.array_equal(tokens[~control], events) and np.array_equal(back, controls)


print("round trip holds for", sum(round_trip(*pair) for pair in pairs), "of", len(pairs))

# %% [markdown]
# **In time.** Each control was due when it was put in, and was not due yet one event earlier.


# %% tags=["nbval-check-output"]
def in_time(events, controls, delta=5):
    tokens, _ = anticipate(events, controls, delta)
    heard, heard_before = 0, -np.inf
    for is_control, onset in zip(vocab.is_control(tokens), onsets(tokens), strict=True):
        if is_control and not heard_before < onset - 100 * delta <= heard:
            return False
        if not is_control:
            heard, heard_before = onset, heard
    return True


print("in time:", sum(in_time(*pair) for pair in pairs), "of", len(pairs))

# %% [markdown]
# **The two ends.** With an infinite delta all controls are due at once: that is seq2seq. With delta = 0 a control is
# due when an event has begun at its own time or later. So of the events that stand before it, just one does not begin
# earlier than it does. (A control at tick 0 would need none: it is due at the start.)


# %% tags=["nbval-check-output"]
def both_first(events, controls):
    return np.concatenate([controls, events])


def not_earlier(events, controls):
    """With delta = 0: for each control, how many of the events that stand before it do not begin before it."""
    tokens, _ = anticipate(events, controls, 0)
    control, times = vocab.is_control(tokens), onsets(tokens)
    return [int((times[:at][~control[:at]] >= times[at]).sum()) for at in np.flatnonzero(control)]


whole = sum(np.array_equal(anticipate(*pair, np.inf)[0], both_first(*pair)) for pair in pairs)
found = {n for pair in pairs for n in not_earlier(*pair)}
print("delta infinite is seq2seq:", whole, "of", len(pairs))
print("delta 0: events before a control that are not earlier:", *found)

# %% [markdown]
# ## 6. The real excerpt, step by step
#
# Here are all four orders of the excerpt that you have heard. Above is time, below the order of the rows in the
# sequence. Change the order, and watch the same rows move. Move delta from 1 to 10 s. Then walk through the sequence
# with the arrow keys. At each row the player asks: *Does the sampler know whether a control is due?*

# %%
from course_utils.show import interleaving_stepper

interleaving_stepper(band, melody, "Four orders of one excerpt", source="Freedoom; melody: sitar")

# %% [markdown]
# <details><summary>What to look for</summary>
#
# In *seq2seq* all lines of the controls run to the left edge: the later the control, the longer its way. In *sort by
# time* they run beside the lines of the events around them, and after nearly every event two futures give two answers.
# In *anticipation* they cross those lines to the left, back to about delta before. With a delta of 10 s the controls of
# the first 10 s stand at the very front, as in seq2seq.
#
# </details>
#
# The player puts in a REST wherever the band begins nothing for longer than a second. Section 9 says what for. The
# cells below do the same:

# %% tags=["nbval-check-output"]


def padded(events, controls):
    """The events with rests, up to the last onset of either list."""
    return token_lists.pad(events, max(token_lists.max_time(events), token_lists.max_time(controls)))


given_band = padded(band, melody)
print(len(band), "events,", len(given_band) - len(band), "rests,", len(melody), "controls")

# %% [markdown]
# ## 7. How far, measured
#
# The library counts the same distance as you did. Rests concern nobody, so it never takes one for the nearest event,
# but their tokens count. Median and largest are of the distance without its sign.

# %% tags=["nbval-check-output"]
for mode in amt.MODES:
    far = amt.distances(amt.arrange(given_band, melody, mode, delta=5))
    print(f"{mode:15s} median {far.median:5.1f}, largest {far.max:4d} tokens, before its event: {far.known_before:.0%}")

# %% [markdown]
# The first line stands there for comparison: the order is that of *sort*, only that the melody's notes are events.
# Sorting seems to come in time now and then. But it puts a control before its event only where the event begins later
# than the control. So even then the band hears of the note only when it sounds.
#
# That was one excerpt, with few notes. Take more, of each piece 20 s to 40 s: twelve songs of the course's own
# composer, which knows which part is the melody, and some pieces of Freedoom. There we take the highest part for the
# melody, if it has a dozen notes.

# %%
from course_utils.synth.songs import compose_song


def highest(piece):
    """The highest instrument (not drums) with a dozen notes between 20 s and 40 s; None if there is none."""
    part = token_lists.clip(piece, 2000, 3999)
    played = {number: count for number, count in token_lists.instruments(part).items() if number != vocab.DRUMS}
    able = [number for number, count in played.items() if count >= 12 and len(played) > 1]
    pitch, instrument = token_lists.pitch_of(part), token_lists.instrument_of(part)
    return max(able, key=lambda number: pitch[instrument == number].mean(), default=None)


songs = [compose_song(seed) for seed in range(12)]
whole = [(amt.from_pretty_midi(song.midi), song.midi.instruments[song.melody].program) for song in songs]
files = [read_midi(path) for path in sorted(freedoom.glob("*.mid"))[5::11]]
whole += [(events, highest(events)) for events in files if highest(events) is not None]

# %% tags=["nbval-check-output"]
excerpts = [excerpt(events, instrument, start=20) for events, instrument in whole]
excerpts = [(padded(*pair), pair[1]) for pair in excerpts]
rows_each = [len(events) + len(controls) for events, controls in excerpts]
print(len(excerpts), "excerpts of 20 s, with", min(rows_each), "to", max(rows_each), "rows")

# %% tags=["nbval-check-output"]
print("                    median of    largest of")
print("                    the medians  the largest   before its event")
for mode in amt.MODES:
    far = [amt.distances(amt.arrange(*pair, mode, delta=5)) for pair in excerpts]
    known = np.mean([distance.known_before for distance in far])
    print(f"{mode:15s} {np.median([d.median for d in far]):10.1f} {max(d.max for d in far):12d} {known:16.0%}")

# %% [markdown]
# Read the two lines at the bottom together. Sorting keeps controls near. But few of them come before the event
# that they concern, and the sampler cannot know when to put them in. Anticipation pays for the warning with distance.
# How much, delta decides:

# %%
import matplotlib.pyplot as plt
from course_utils.show import figure

deltas = range(11)
far = {d: [amt.distances(amt.arrange(*pair, "anticipation", d)) for pair in excerpts] for d in deltas}
middle = [[distance.median for distance in far[d]] for d in deltas]  # [11, excerpts]
fixed = {mode: np.median([amt.distances(amt.arrange(*pair, mode)).median for pair in excerpts])
         for mode in ("seq2seq", "sort")}  # fmt: skip

# %%
fig, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
axis.plot(deltas, middle, color="0.75", linewidth=0.8)
axis.plot(deltas, np.median(middle, axis=1), marker="o", label="anticipation, median of the excerpts")
for (mode, value), style in zip(fixed.items(), ("--", ":"), strict=True):
    axis.axhline(value, linestyle=style, color="0.3", label=f"{mode}, the same")
axis.set(xlabel="delta in seconds", ylabel="tokens from control to event", ylim=(0, None))
axis.legend(loc="upper left")
curve = ", ".join(f"{value:.0f} at {d} s" for d, value in zip(deltas, np.median(middle, axis=1), strict=True))
told = f"Seq2seq {fixed['seq2seq']:.0f}, sort {fixed['sort']:.0f}. A thin line for each of {len(excerpts)} excerpts."
figure(fig, f"Median distance from a control to its event in tokens, by delta: {curve}. {told}")

# %% tags=["nbval-check-output"]
for d in (0, 1, 2, 5, 10):
    known = np.mean([distance.known_before for distance in far[d]])
    print(f"delta {d:2d} s: median {np.median(middle[d]):5.1f} tokens, before its event {known:.0%}")

# %% [markdown]
# One second is enough for nearly every control to come before its event. Each further second lets the band
# know more of what is to come, and each costs more tokens.
#
# **Predict** before you read on: where does the curve end, for a very large delta?

# %% tags=["nbval-check-output"]
same = [np.array_equal(amt.anticipate(*pair, 1e9)[0], np.concatenate(pair[::-1])) for pair in excerpts]
print("delta of a billion seconds is seq2seq for", sum(same), "of", len(same), "excerpts")

# %% [markdown]
# So delta slides between two of the other orders. At infinity it is seq2seq. At 0 it is nearly sort by time, without
# its fault, and late by one event. (It is even nearer than sorting: a control comes behind the first note of a chord,
# not behind the last.) The paper takes 5 s<!-- fact: AMT_DELTA -->.
#
# **What is nearness good for?** A model of this kind reads 1,024 tokens<!-- fact: AMT_CONTEXT --> at once. What stands
# farther back does not exist for it. Take the *whole* songs of the composer, each longer than a minute. How many
# controls has the model forgotten when it comes to the event that they concern?

# %% tags=["nbval-check-output"]
full = [excerpt(events, instrument, start=0, seconds=99) for events, instrument in whole[:12]]
full = [(padded(*pair), pair[1]) for pair in full]
for mode in ("seq2seq", "sort", "anticipation"):
    steps = np.concatenate([amt.distances(amt.arrange(*pair, mode)).tokens for pair in full])
    print(f"{mode:13s} {(abs(steps) > 1023).mean():4.0%} of {len(steps)} controls are out of reach")

# %% [markdown]
# So seq2seq tells everything at the beginning, and most of it is forgotten when it is needed. In the other two orders
# each control is still there.
#
# ## 8. The test, on all rules
#
# Now the stopping-time test in earnest. The library cuts the band before each event or rest. It lets the music go on as
# it did, or at once, or later, or with other notes, or with twice as many. It compares what the rule writes. Each cut
# at which a rule betrays itself counts once:

# %% tags=["nbval-check-output"]
for mode in amt.MODES:
    found = amt.stopping_time_violations(amt.rule_of(mode, 5), given_band, melody)
    print(f"{mode:15s} looks ahead at {len(found):2d} of {len(given_band)} cuts")

# %% [markdown]
# Only sorting fails. (*Autoregressive* is the same order, but there the model writes the melody itself: no row is put
# in, so nobody has to know when.) Here is one of the counterexamples. Up to the first row shown, all is the same in
# both futures:


# %% tags=["nbval-check-output"]
def told(row):
    return str(to_events(row[None])[0])


betrayed = amt.stopping_time_violations(amt.rule_of("sort"), given_band, melody)
case = next(v for v in betrayed if len(v.history) > 30 and vocab.is_control(v.one[None])[0])
print("the sampler stands behind   ", told(case.history[-1]))
print("in one future comes         ", told(case.one))
print("in the other, with that past", told(case.other))

# %% [markdown]
# Does it depend on delta? And does *your* function pass?

# %% tags=["nbval-check-output"]
for d in (0, 1, 5, 10, np.inf):
    library = amt.stopping_time_violations(amt.rule_of("anticipation", d), given_band, melody)
    yours = amt.stopping_time_violations(lambda e, c, d=d: anticipate(e, c, d)[0], given_band, melody)
    print(f"delta {d:4}: the library {len(library)}, yours {len(yours)}")

# %% [markdown]
# A rule can look like anticipation and fail. This one differs in one place: it asks the *next* event whether the
# control is near enough.


# %% tags=["nbval-check-output"]
def peeking(events, controls, delta=5):
    rows, n = [], 0
    for event, onset in zip(events, onsets(events), strict=True):
        while n < len(controls) and onsets(controls)[n] - 100 * delta <= onset:  # the onset of this very event
            rows, n = [*rows, controls[n]], n + 1
        rows.append(event)
    return np.array(rows)


found = amt.stopping_time_violations(peeking, given_band, melody)
print(f"the peeking rule looks ahead at {len(found)} of {len(given_band)} cuts")

# %% [markdown]
# Note what the test is: an experiment on a rule, with futures that *we* thought of. A count above 0 is a proof, with
# the counterexample in hand. A count of 0 proves nothing. For anticipation the proof is a sentence: before each event
# it looks at the last event written and at the controls, and at nothing else.
#
# ## 9. REST: controls in a silence
#
# Time moves only when an event is written. What if the melody goes on, and the band begins nothing new? Let us call
# that a silence, even if a long chord still sounds. Here are the first 20 s of the same piece: the sitar sings over
# long chords of the choir.

# %% tags=["nbval-check-output"]
quiet, sung = excerpt(piece, 104, start=0)
print("the band begins something at", sorted({int(time) / 100 for time in onsets(quiet)}))
print("the longest silence:", np.diff(onsets(quiet)).max() / 100, "s - notes of the melody:", len(sung))

# %% [markdown]
# How much notice does the sampler get? For each control: its onset, minus that of the last event written before it.


# %%
def notice(tokens):
    """Seconds from the last event written to each control's own time, float64 [controls]; below 0: too late."""
    control, times = vocab.is_control(tokens), onsets(tokens)
    heard = np.maximum.accumulate(np.where(control, 0, times))
    return (times - heard)[control] / 100


# %% tags=["nbval-check-output"]
for d in (1, 2, 5):
    for name, events in (("without rests", quiet), ("with rests", padded(quiet, sung))):
        told_in_time = notice(amt.anticipate(events, sung, d)[0])
        print(f"delta {d} s, {name:13s}: {(told_in_time < 0).sum():2d} of {len(told_in_time)} controls too late,"
              f" notice {told_in_time.min():+.2f} to {told_in_time.max():+.2f} s")  # fmt: skip

# %% [markdown]
# Without rests, controls that fall due in a silence wait for its end. Where delta is shorter than the silence, many
# come when their time has passed. A [REST](glossary.md#rest) wherever nothing begins for more than
# 1 s<!-- fact: AMT_REST_SECONDS --> keeps the clock going. Then a row stands at most that second after a control falls
# due. So with a delta of a second or more none is too late. (A notice of 0 with rests is the melody's first note, at
# the very beginning.) What does it cost?

# %% tags=["nbval-check-output"]
rests = [(vocab.is_rest(events).sum(), len(events) + len(controls)) for events, controls in excerpts]
print("rests in the excerpts:", sum(n for n, _ in rests), "of", sum(n for _, n in rests), "rows")
print("in the quiet one:", vocab.is_rest(padded(quiet, sung)).sum(), "of", len(padded(quiet, sung)) + len(sung))

# %% [markdown]
# Where the band is busy, next to nothing. In the quiet excerpt rests are a good part of the sequence. There they are
# needed with a small delta; with 5 s the longest silence is just short enough to do without.
#
# ## 10. Read the source
#
# > **Paper, article, released code.** How long before its time is a control told?
# >
# > - *Paper:* delta, 5 s<!-- fact: AMT_DELTA --> in its experiments.
# > - *Article:* a slider from 1 to 10 s.
# > - *Released code:* `generate` takes a delta, but interleaves the *prompt* with 5 s whatever you ask for. And it cuts
# >   off all controls before tick 5, that is 0.05 s. Probably 5 s was meant: an older version counts in seconds there.
# > - *Here:* the delta that you ask for, everywhere, and no control is dropped. `compat=True` does as released.
#
# Both can be seen without any model: `prepare` makes what a sampler starts from, the prompt and its controls in one
# order. First an excerpt from 20 s on, whose first 5 s are the prompt. How many controls are told within the prompt?

# %% tags=["nbval-check-output"]
from course_utils.amt.generate import Settings, prepare

busy, lead = excerpt(piece, 104, start=20)
first_5_s = busy[onsets(busy) <= 500]
for d in (1, 5, 10):
    counts = []
    for compat in (False, True):
        task = prepare(5, 20, first_5_s, lead, Settings(delta=d, compat=compat))
        counts.append(int(vocab.is_control(task.history).sum()))
    print(f"delta {d:2d} s: told {counts[0]:2d} of {len(lead)} controls, as released {counts[1]}")

# %% [markdown]
# Ask for 1 s, and the released code tells more in the prompt than you asked for, and more than it tells from there on.
# Ask for 10 s, and the prompt tells less. (The sampler puts in the missing ones all at once, behind the prompt.) And
# the controls at the very beginning:

# %% tags=["nbval-check-output"]
for compat in (False, True):
    task = prepare(5, 20, None, sung, Settings(compat=compat))
    kept = int(vocab.is_control(task.history).sum()) + len(task.waiting)
    print("as released:" if compat else "ours:       ", kept, "of", len(sung), "controls are used")

# %% [markdown]
# One note is lost: the one that the melody begins with.
#
# ## 11. Which delta for which model?
#
# You now have a rule, a ruler and pieces to measure. Put them to use.

# %%
from course_utils.amt import arrange, distances

# %% [markdown] exercise="choose_delta" part="card"
# #### Exercise: Choose delta for a model
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# You train a small model that can look `reach` tokens back, and want it to know as much of the melody beforehand as it
# can use. Which delta? Try 10, 9, ... 1 s, and return the first with which no control is more than `reach` tokens away
# from the event that it concerns. If there is none, return 0. `arrange` and `distances` do the work.


# %% tags=["exercise"] exercise="choose_delta"
def choose_delta(events, controls, reach):
    """The largest delta of 10, 9, ... 1 s with no control over `reach` tokens from its event; 0 if there is none."""
    return None  # your code here


choose_delta = check("choose_delta", choose_delta)

# %% [markdown] exercise="choose_delta" part="solution"
# <details>
# <summary>Hint</summary>
#
# `distances(arrange(events, controls, "anticipation", delta)).max` is the largest distance in tokens.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def choose_delta(events, controls, reach):
#     """The largest delta of 10, 9, ... 1 s with no control over `reach` tokens from its event; 0 if there is none."""
#     for delta in range(10, 0, -1):
#         if distances(arrange(events, controls, "anticipation", delta)).max <= reach:
#             return delta
#     return 0
# ```
#
# From the largest delta down, the first that keeps every control within reach.
#
# </details>

# %% [markdown]
# For each of the excerpts, and three models of different reach (0 s means: none fits):

# %% tags=["nbval-check-output"]
for reach in (64, 256, 1023):
    chosen = [choose_delta(events, controls, reach) for events, controls in excerpts]
    print(f"{reach:4d} tokens back: delta from {min(chosen)} to {max(chosen)} s, median {np.median(chosen):.0f} s,",
          f"none fits: {chosen.count(0)}")  # fmt: skip

# %% [markdown]
# A delta in seconds costs more tokens where many notes are played. So one delta for all music is a compromise. What
# would you do for a piece that you know to be dense?
#
# ## Your own piece
#
# Put the path of any MIDI file in here. The course looks for the part that sings, or you name one. With a kernel
# running, choose which 20 seconds. (Of a piece with very many notes it takes 10 or 5, so that they can be told apart.)

# %%
from course_utils.amt.accompany import choose_melody, parts_of
from course_utils.amt.accompany import joined, within
from course_utils.show import live

path = None  # for example "my_song.mid"
named = "auto"  # or a part of the name of a track or an instrument
parts = parts_of(path or freedoom / "fd12_freedoom2_D_BETWEE.mid")


def stepper_from(start):
    for seconds in (20, 10, 5):
        playing = within(parts, start, seconds)
        if sum(len(part.events) for part in playing) < 550:
            break
    sings = choose_melody(playing, named)
    others = joined([part for part in playing if part.number != sings.part.number])
    return interleaving_stepper(others, as_controls(sings.part.events), "Your piece", source=sings.why)


live(stepper_from, start=(0, 60, 20))

# %% [markdown]
# ## What you can do now
#
# - **Put** events and controls in each of four orders, and say what each order gives up.
# - **Measure** how far a control stands from what it concerns, in tokens.
# - **Test** any rule for a look into the future, and show the counterexample where there is one.
# - **Write** `anticipate`, and check it by properties that hold for every piece.
# - **Explain** what REST is for, and what becomes of anticipation as delta goes from 0 to infinity.
# - **Choose** delta for a model of a given reach.
#
# ## To discuss
#
# 1. (10 min) Sort by time could be sampled after all: draw an event, and if it lies behind the next control, throw it
#    away, put in the control, draw again. What is lost, and what would it do to the music?
# 2. (5 min) Delta is in seconds. Would beats be better? Tokens? Who would have to know what?
# 3. (10 min) A live band: the singer decides while she sings. Which of the four orders can accompany her, and with
#    which delta?
# 4. (5 min) The test found no fault with anticipation in our futures. What would you need to trust a rule whose source
#    you cannot read?
#
# <details><summary>For whoever leads the discussion</summary>
#
# 1. It gives a sequence in sorted order. But the event before the control was drawn without any knowledge of it: the
#    band still learns of each note when it sounds. And the model's answer to *when is the next event?* is overruled
#    each time. Let people find the first point on their own.
# 2. A beat is a musician's unit, but a file must know its beat (lesson 05). "So many tokens before its event" would
#    bound the distance, but it is no stopping time: nobody knows how many events come until then. "A control after
#    every third event" is one, and passes the test, but then a control may stand anywhere. Try both.
# 3. Anticipation with delta = 0, late by one event. Sorting, drawn as in question 1: here the clock says which comes
#    first. Autoregressive, if her notes go in as events that the model did not write. Nothing that needs her future.
#    A delay of delta for the listeners would do it: that is what a broadcast does.
# 4. More futures, chosen by someone who wants the rule to fail, but a count of 0 never proves it. Better: hand the
#    rule one event at a time, and the next only when it has decided. Then it cannot look ahead.
#
# </details>
#
# ## Where this comes from
#
# - Interleaving, stopping times, delta: Anticipatory Music Transformer (arXiv 2306.08620v2), section 3, equations 3 and
#   4. REST: section 3.2.
# - The orders, the distance and the test: `course_utils/amt/interleave.py`; `anticipate` is checked against the
#   released code in `tests/conformance`.
# - The music: Freedoom, `data/midi/freedoom/LICENCE-freedoom.txt`, and the course's composer,
#   `course_utils/synth/songs.py`.

# %% [markdown] made="next"
# **Next:** [07 · Anticipatory sampling](07_anticipatory_sampling.ipynb). After it you can sample an accompaniment
# event by event with a step that you wrote yourself, show what each rule of sampling prevents, and say what 18 wins in
# 60 prove and what they do not.

# %%
import io

from course_utils.amt import to_midi
from course_utils.show.frame import downloads

buffer = io.BytesIO()
to_midi(token_lists.sort(np.concatenate([band, melody]))).save(file=buffer)
downloads({"excerpt.mid": buffer.getvalue(), "melody.flac": (4 * heard(melody, seconds=8), 44100)})

# %%
from course_utils.show.frame import reproducibility

reproducibility(seed=0, models=(), packages=("numpy", "mido", "pretty_midi", "tinysoundfont", "soundfile"))
