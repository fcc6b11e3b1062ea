# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   two_poles:
#     data: [clips, soundfont, models/course-codec, models/vampnet-coarse, models/vampnet-fine, models/amt-course]
# ---

# %% [markdown] made="header"
# # 00 · Start here: hear it first
#
# **After this lesson you can** hear what a neural codec keeps of a sound at each of its nine levels, say which model
# you are hearing, and tell the two roads of this course apart.
#
# 8 minutes to read, 17 with the exercises · builds on: nothing; a little Python for one exercise
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/00_start_here.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/00_start_here.ipynb

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
from course_utils import demo_clip
from course_utils.show import clips_player
from course_utils.show.frame import set_up

codec = set_up("00", model="course", seed=0)
clip = demo_clip("ladder")
clips_player([("the recording", clip.samples)], clip.rate, title="Four seconds of music")

# %% [markdown]
# Press play. These four seconds will go with you through the first two lessons.
#
# A computer keeps them as a long list of numbers, one for each moment. These numbers are called
# [samples](glossary.md#sample).

# %% tags=["nbval-check-output"]
print(len(clip.samples), "samples in", clip.seconds, "seconds")

# %% [markdown]
# ## From sound to codes
#
# A neural [codec](glossary.md#codec) makes a much shorter list. Its [encoder](glossary.md#encoder) cuts the sound into
# short [frames](glossary.md#frame), and writes nine whole numbers for each. These numbers are the
# [codes](glossary.md#code).

# %% tags=["nbval-check-output"]
codes = codec.encode(clip)
print("levels x frames:", codes.shape[1], "x", codes.shape[2])

# %% [markdown]
# Here are the first eight frames. Each column is one frame, and each row is one [level](glossary.md#level). The whole
# grid is called 9 x T: nine levels, and T for the number of frames.

# %%
codes[0, :, :8]

# %% [markdown]
# Each code is the number of an [entry](glossary.md#entry) in a [codebook](glossary.md#codebook), a list that encoder
# and decoder share. The numbers go from 0 to 1023, so each takes 10 bit<!-- fact: DAC_BITS_PER_CODE -->. Nine of them
# a frame, at 86.13 frames/s<!-- fact: DAC_FRAME_RATE -->, make the [bit rate](glossary.md#bit-rate). How small has the
# sound become?

# %% tags=["nbval-check-output"]
from course_utils import facts

print("as samples:", facts.PCM_BIT_RATE)
print("as codes:  ", facts.DAC_BIT_RATE)
print("smaller by a factor of", facts.DAC_RATIO)

# %% [markdown]
# ## From codes to sound
#
# The [decoder](glossary.md#decoder) turns codes back into sound. It can use all nine rows, or only the first few.


# %%
def heard(levels):
    return codec.decode(codes, levels=levels, length=len(clip.samples))[0, 0].numpy()


# %% [markdown]
# **Predict first.** One row of nine is left. Will you still hear the beat? The tune? Which instrument plays?
#
# Then listen. Play, and change the level while the music runs: the arrow keys move up and down, and the place in the
# music stays. The picture is a [spectrogram](glossary.md#spectrogram): time runs to the right, high sounds are at the
# top, and the more a spot differs from the page, the stronger the sound.

# %%
from course_utils.show import ladder, level_audio

rungs = [level_audio(heard(n), clip.samples, codec.bits_per_second(n)) for n in range(1, 10)]
ladder(clip, f"{codec.name} codec", rungs, codes[0].numpy(), seed=0)

# %% [markdown]
# Now look at the numbers. [SI-SDR](glossary.md#si-sdr) says how far the sound stands above its error, in decibels (dB):
# higher is better. The [mel distance](glossary.md#mel-distance) compares how loud each band of frequencies is, roughly
# as an ear does: lower is better.

# %% tags=["nbval-check-output"]
for n in (1, 3, 5, 7, 9):
    rung = rungs[n - 1]
    print(f"levels: {n}  {rung.bits_per_second / 1000:.2f} kbit/s  {rung.si_sdr:4.1f} dB  mel {rung.mel_distance:.2f}")

# %% [markdown]
# Below 0 dB, the error is stronger than the sound. Do you still recognise the music where the number is low? Then your
# ear compares something other than waveforms.
#
# Each level corrects what the levels before it left over, the [residual](glossary.md#residual). Go back to the player
# and hear it again: where do you stop noticing the next level?
#
# Which level carries the beat, and which the tune? Lesson 01 measures it.

# %% [markdown]
# ## Your ears, without labels
#
# Here is another piece, three times: with one level, with four, and with nine. Fewer levels also come out quieter, and
# that would give them away. So all three are made as loud as the recording.

# %%
from course_utils.exercises.lesson00 import BLIND, check

other = demo_clip("electronic").samples[: 2 * codec.sample_rate]
other_codes = codec.encode(other)
blind = []
for name, n in BLIND.items():
    sound = codec.decode(other_codes, levels=n, length=len(other))[0, 0].numpy()
    blind.append((name, sound * other.std() / sound.std()))
clips_player(blind, title="Which is which?", source=f"{codec.name} codec, seed 0", spectrogram=False)

# %% [markdown] exercise="one_level" part="card"
# #### Exercise: Which one is made from a single level?
#
# ●○○○○ difficulty 1 of 5 · about 2 minutes
#
# Play the three sounds above. One is made from one level, one from four, one from all nine. Write the letter of the
# one with a single level.

# %% tags=["exercise"] exercise="one_level"
one_level = None  # "a" or "b" or "c"
one_level = check("one_level", one_level)

# %% [markdown] exercise="one_level" part="solution"
# <details>
# <summary>Hint</summary>
#
# Listen to the ends of the notes and to the highest sounds, such as cymbals. What turns rough first?
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# one_level = "c"
# ```
#
# Sound c has one level, sound a has four, sound b has all nine.
#
# </details>

# %% [markdown] exercise="song_megabytes" part="card"
# #### Exercise: A song as codes
#
# ●●○○○ difficulty 2 of 5 · about 3 minutes
#
# A song lasts three minutes. How many megabytes do its codes take, at nine codes of 10 bits a frame and 44100 / 512
# frames a second? A megabyte is a million bytes. Write a number or a sum.

# %% tags=["exercise"] exercise="song_megabytes"
song_megabytes = None  # your answer here
song_megabytes = check("song_megabytes", song_megabytes)

# %% [markdown] exercise="song_megabytes" part="solution"
# <details>
# <summary>Hint</summary>
#
# Bits a second, times seconds, gives bits. Eight bits are one byte.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# song_megabytes = 0.174
# ```
#
# 9 x 10 bits x 86.13 frames/s x 180 s / 8 = 174 thousand bytes; a photograph takes more.
#
# </details>

# %% [markdown] exercise="levels_within" part="card"
# #### Exercise: How many levels fit?
#
# ●●○○○ difficulty 2 of 5 · about 4 minutes
#
# A line carries so many bits a second. One level needs 10 bits for each of 44100 / 512 frames a second. Write how many
# levels fit, at most nine.


# %% tags=["exercise"] exercise="levels_within"
def levels_within(bits_per_second, level_rate=10 * 44100 / 512):
    """How many of the nine levels fit into a line of so many bits per second."""
    return None  # your code here


levels_within = check("levels_within", levels_within)

# %% [markdown] exercise="levels_within" part="solution"
# <details>
# <summary>Hint</summary>
#
# Divide and round down: `//` does both. `min` keeps the result at nine.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def levels_within(bits_per_second, level_rate=10 * 44100 / 512):
#     """How many of the nine levels fit into a line of so many bits per second."""
#     return min(9, int(bits_per_second // level_rate))
# ```
#
# Whole levels only, and the codec has nine.
#
# </details>

# %% [markdown]
# ## Which model did you hear?
#
# Every level that you heard came out of a model that ran on your machine, or on the machine that stored this page. The
# course brings small models of its own, so that no lesson needs the internet. The official codec,
# [DAC](glossary.md#dac), is many times larger than ours.

# %%
from course_utils.zoo import MODELS, state

for model in MODELS.values():
    there = "here" if state(model.name).present else "not downloaded"
    print(f"{model.name}: {model.title}, {model.size}, {model.licence}, {there}")

# %% [markdown]
# To switch the codec, write `model="official"` in the cell that calls `set_up`, and run the lesson again. The first
# time it fetches the file, and that needs the internet. The numbers and sounds of the levels change. VampNet, which you
# hear at the end of this page, is the course's own in either case: it knows the course codec's codes only. The model
# that writes notes has its own switch: `load_amt("music-small-800k")` in place of `load_amt("course")`.
#
# ## Is everything in place?
#
# This looks at Python, the packages, the models, the sound formats and the memory. It prints what is not in order, with
# the command that mends it, and then a count.

# %%
from course_utils.cli.check import PARTS

findings = [finding for part in PARTS if part != "lessons" for finding in PARTS[part]()]
for finding in findings:
    if finding.status != "ok":
        print(f"{finding.part} {finding.name}: {finding.detail}\n    mend it with: {finding.mend}")
print(len(findings), "things looked at,", sum(finding.status == "ok" for finding in findings), "in order")

# %% [markdown]
# ## The other road: notes
#
# Codes describe the sound itself. There is a second way to write music down: not how it sounds, but what is played.
# This guitar loop exists in both forms.

# %%
guitar = demo_clip("guitar")
clips_player([("guitar", guitar.samples[: 4 * guitar.rate])], guitar.rate, title="A guitar loop", spectrogram=False)

# %% [markdown]
# As notes, it is a list: each note has a time, a duration and a pitch. Here are the first four.

# %% tags=["nbval-check-output"]
import pretty_midi
from course_utils.paths import data_folder

midi = pretty_midi.PrettyMIDI(str(data_folder() / "clips" / "guitar.mid"))
notes = sorted(midi.instruments[0].notes, key=lambda note: note.start)
for note in notes[:4]:
    print(f"{note.start:.2f} s, {note.end - note.start:.2f} s long, {pretty_midi.note_number_to_name(note.pitch)}")

# %% tags=["nbval-check-output"]
print(len(notes), "notes, or", codec.n_codebooks * codec.frames(len(guitar.samples)), "codes, for the same ten seconds")

# %% [markdown]
# Notes are few and easy to edit, but they need an instrument to sound. Codes are many, but they can hold what no note
# says: a voice, a room, the noise of a string. These are the **two poles** of this course.
#
# - **VampNet** covers some of the codes with a [mask](glossary.md#mask) and guesses them all at once. It keeps some of
#   the guesses and makes the others anew. Each such round is a [pass](glossary.md#pass), and there are
#   36 passes<!-- fact: VAMPNET_PASSES --> in all. Give it a loop, and it plays a variation: a [vamp](glossary.md#vamp).
# - **The Anticipatory Music Transformer** writes notes one after another, and knows of the notes that you fixed up to
#   5 s<!-- fact: AMT_DELTA --> ahead. Give it a melody, and it writes the accompaniment.
#
# Here is a vamp of our four seconds. One frame in nine was kept. The model made up the others, in 12 passes.

# %%
from course_utils import load_codec
from course_utils.vampnet import DecodeSettings, generate, load_vampnet, masks

own = load_codec("course")  # the one codec whose codes this model knows
models = load_vampnet("course", codec=own)
loop = own.encode(clip)
kept = masks.periodic(loop.shape, period=9)
vamp = own.decode(generate(models, loop, kept, DecodeSettings(passes=12), seed=0).codes, length=len(clip.samples))
clips_player(
    [("the recording", clip.samples), ("a vamp of it", vamp[0, 0].numpy())], title="A vamp",
    source=f"{models.name} VampNet, seed 0", spectrogram=False, packing="mp3", budget=110_000,
)  # fmt: skip

# %% tags=["nbval-check-output"]
print(f"kept: {kept.kept_fraction:.0%} of the codes, {kept.bits_per_second(own.frame_rate):.0f} bit/s")

# %% [markdown]
# And here is an accompaniment. The melody was given, and so were the notes that the band begins in the first three
# seconds. All its later notes were written by the model, one after another.

# %%
import warnings

from course_utils.amt import as_controls, token_lists, vocab
from course_utils.amt.generate import generate as write_events
from course_utils.amt.load import load_amt
from course_utils.synth.play import play, what_is_said
from course_utils.synth.render import SubstitutionWarning
from course_utils.train.accompaniments import excerpt
from course_utils.train.music import song_piece

ballad = excerpt(song_piece(7))  # a song that the model has never seen
melody = as_controls(ballad.melody)
band = ballad.accompaniment[vocab.onsets(ballad.accompaniment) < 300]  # hundredths of a second
written = write_events(load_amt("course"), 3, 8, band, melody, seed=0)
together = token_lists.combine(written.events, melody)
alone = token_lists.clip(ballad.melody, 0, 799)
warnings.simplefilter("ignore", SubstitutionWarning)
print(*what_is_said(together), sep="\n")  # the course has a small synthesiser: who plays what it has no sound for
sounds = [play(part, seconds=8) for part in (alone, together)]

# %%
clips_player(
    list(zip(("the melody", "with its accompaniment"), sounds, strict=True)), title="A melody, accompanied",
    source="course AMT, seed 0", spectrogram=False, packing="mp3", budget=190_000,
)  # fmt: skip

# %% tags=["nbval-check-output"]
print("given, of what you hear:", len(alone), "notes of the melody and", len(band), "of the band")

# %% [markdown] made="road-map"
# ## The whole road, and what you can do after each lesson
#
# - **00** [Start here: hear it first](00_start_here.ipynb): hear what a neural codec keeps of a sound at each of its
#   nine levels, say which model you are hearing, and tell the two roads of this course apart
# - **01** [RVQ codes](01_rvq_codes.ipynb): turn a sound into a grid of 9 x T codes with a quantiser that you wrote
#   yourself, and measure what each level adds to rhythm, pitch and timbre
# - **02** [Masked tokens](02_masked_tokens.ipynb): train a model that fills gaps, and prove that it looks both ways
# - **03** [Parallel decoding, 36 passes](03_parallel_decoding.ipynb): fill a whole grid of codes with a pass of the
#   decoder that you wrote yourself, say what each of the 36 passes decides, and measure what more of them give
# - **04** [Prompting with masks](04_prompting_with_masks.ipynb): vary, extend and repair a recording by choosing what
#   to cover, and measure how much of it comes back
# - **05** [Music as events](05_music_as_events.ipynb): turn MIDI into events and back by rules that you wrote, measure
#   what is lost, and read a table of perplexities
# - **06** [Four interleavings](06_four_interleavings.ipynb): put events and controls in an order that a model can
#   sample from, and catch a rule that looks into the future
# - **07** [Anticipatory sampling](07_anticipatory_sampling.ipynb): sample an accompaniment event by event with a step
#   that you wrote yourself, show what each rule of sampling prevents, and say what 18 wins in 60 prove and what they
#   do not
# - **08** Two poles (coming): choose between the two roads by what you measured, and chain them
# - **09** Train and scale (coming): train the course's models yourself, on a laptop or on many GPUs

# %% [markdown]
# ## What you can do now
#
# - **Encode** a recording into a grid of codes, and **decode** it again from any number of levels.
# - **Compute** how many bits a second it takes.
# - **Tell** by ear, and by two numbers, what a level adds.
# - **Say** which model made a sound, **switch** it, and **mend** your installation.
#
# ## To discuss
#
# 1. (5 minutes) At which level would you accept the music on a bus? In a concert hall? Why do they differ?
# 2. (5 minutes) A loop of drums and a held guitar chord: which suffers more from few levels? How would you find out?
# 3. (10 minutes) You want to change one wrong note in a recording. Which of the two roads helps, and what is lost on
#    it?
#
# <details>
# <summary>For whoever leads</summary>
#
# 1. Let everybody write down a number before anybody speaks; the spread is the point. Noise around us hides the codec's
#    noise, and who does not listen closely misses it anyway.
# 2. Collect guesses, then try it. Import `Clip` from `course_utils`, put
#    `clip = Clip(demo_clip("guitar").samples[: 4 * 44100])` in the place of the first clip, and run the cells down to
#    the numbers. Do the same with `"electronic"`. The two figures need not agree with each other, or with the ears in
#    the room.
# 3. With notes, the change is one number, but the sound of this guitar is gone: an instrument has to play it anew. With
#    codes, the sound stays, but no single code is "the note". Lesson 08 chains both.
#
# </details>
#
# ## Where this comes from
#
# - DAC, the codec whose quantiser and layout ours shares: Kumar and others, arXiv 2306.06546,
#   section 3.
# - VampNet: Garcia and others, arXiv 2307.04686.
# - The Anticipatory Music Transformer: Thickstun and others, arXiv 2306.08620.
# - How the course codec was trained, and on what: `data/models/course-codec/card.md`.

# %% [markdown] made="next"
# **Next:** [01 · RVQ codes](01_rvq_codes.ipynb). After it you can turn a sound into a grid of 9 x T codes with a
# quantiser that you wrote yourself, and measure what each level adds to rhythm, pitch and timbre.

# %%
from course_utils.show.frame import downloads, reproducibility

downloads({f"level {n}": rungs[n - 1].samples for n in (1, 9)})

# %%
reproducibility(seed=0, models=[f"{codec.name}-codec", "vampnet-coarse", "vampnet-fine", "amt-course"])
