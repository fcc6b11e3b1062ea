# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   two_poles:
#     data: [clips, midi/freedoom, models/course-codec, models/vampnet-coarse, models/vampnet-fine, recorded, soundfont]
# ---

# %% [markdown] made="header"
# # 04 · Prompting with masks
#
# **After this lesson you can** vary, extend and repair a recording by choosing what to cover, and measure how much of
# it comes back.
#
# 45 minutes to read, 73 with the exercises · builds on: lesson 03
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/04_prompting_with_masks.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/04_prompting_with_masks.ipynb

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
import math

import torch

from course_utils.exercises.lesson04 import check
from course_utils.show.frame import set_up

codec = set_up("04", model="course", seed=0)

# %% [markdown]
# **Hear it first.** Four seconds of a loop, and a variation of it. The model was given one frame in nine of the
# original. It made up all the others.

# %%
from course_utils import demo_clip
from course_utils.show import clips_player
from course_utils.vampnet import DecodeSettings, generate, load_vampnet, masks

models = load_vampnet("course", codec=codec)
clip = demo_clip("electronic").samples[: 4 * 44100]
codes = codec.encode(clip)  # [1, 9, 345]
vamp = masks.periodic(codes.shape, period=9)
varied = generate(models, codes, vamp, DecodeSettings(passes=12, temperature=1.2), seed=0).codes


# %%
def heard(codes):
    return codec.decode(codes)[0, 0].numpy()[: len(clip)]


made_by = f"{models.name} VampNet, 12 passes, seed 0"
clips_player(
    [("original", clip), ("one frame in nine kept", heard(varied))],
    title="A vamp",
    source=made_by,
    spectrogram=False,
    packing="mp3",
    budget=110_000,
)

# %% [markdown]
# No model was trained to make variations. The model fills gaps, as in lesson 02, in a few passes, as in lesson 03.
# What changes in this lesson is only **where the gaps are**. Choosing that is prompting: what is left uncovered is the
# [prompt](glossary.md#prompt).
#
# If the result sounds rough to you: the course's own model is small, and learned from little music. Sections 9 to 12
# measure how much it knows, and set it beside the authors' model and beside guesses by luck. What you learn about
# masks holds for a large model as well as for a small one.
#
# ## 1. A mask small enough to print
#
# A mask has one number for each token. 1 means *generate this token*, 0 means *keep it*. Take one codebook and twelve
# frames. Cover everything, then uncover three frames by hand.

# %% tags=["nbval-check-output"]
mask = torch.ones(12, dtype=torch.long)
mask[0] = 0
mask[4] = 0
mask[8] = 0
print(mask.tolist())

# %% [markdown]
# Here are twelve real tokens: the first codebook of our clip, from frame 40 on. Below them is what the model sees of
# them. The number 1024, one past the last entry, is the [MASK] of lesson 02: it stands for "covered".

# %%
row = codes[0, 0, 40:52]
print(row.tolist())
print(row.masked_fill(mask == 1, 1024).tolist())

# %% [markdown]
# Afterwards, what was generated is put where the mask is 1, and the original where it is 0. So kept tokens cannot
# change, whatever the model says. Try it with a model that knows one number only.

# %% tags=["nbval-check-output"]
guess = torch.full((12,), 7)  # a model that always says 7
merged = torch.where(mask == 1, guess, row)
same = torch.equal(merged[mask == 0], row[mask == 0])
print("kept frames are as they were:", same, "- sevens:", int((merged == 7).sum()))

# %% [markdown]
# One frame in four is kept: the mask has a [period](glossary.md#period) of 4. Musicians vamp when they repeat a short
# passage and vary it each time. The authors use the word in this sense, and a periodic mask is one way to do it. Write
# the mask for any period.

# %% [markdown] exercise="periodic_mask" part="card"
# #### Exercise: Write the periodic mask
#
# ●●○○○ difficulty 2 of 5 · about 5 minutes
#
# Keep every period-th frame, from frame number `roll` on. Everything else is generated. Before frame `roll` nothing is
# kept.


# %% tags=["exercise"] exercise="periodic_mask"
def periodic_mask(frames, period, roll=0):
    """Mask int64 [frames]: 0 (keep) at every period-th frame from number `roll` on, 1 (generate) elsewhere."""
    return None  # your code here


periodic_mask = check("periodic_mask", periodic_mask)

# %% [markdown] exercise="periodic_mask" part="solution"
# <details>
# <summary>Hint</summary>
#
# A slice takes a step: `x[2::5]` is every fifth element from number 2 on. Start with all ones.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def periodic_mask(frames, period, roll=0):
#     """Mask int64 [frames]: 0 (keep) at every period-th frame from number `roll` on, 1 (generate) elsewhere."""
#     mask = torch.ones(frames, dtype=torch.int64)
#     mask[roll::period] = 0
#     return mask
# ```
#
# Ones everywhere, and zeros at roll, roll + period, roll + 2 period, and so on.
#
# </details>

# %% [markdown]
# The course's own masks have three axes, [batch, codebooks, frames], and print themselves: `#` is kept, `.` is
# generated. In a long mask a character stands for several frames, and `+` means: some of them kept, some not.

# %% tags=["nbval-check-output"]
tiny = masks.periodic((1, 1, 12), period=4)
print(tiny)
print("the same as yours:", tiny.tensor[0, 0].tolist() == periodic_mask(12, 4).tolist())

# %% [markdown]
# A real grid has nine codebooks, and this mask keeps all nine of a kept frame. Here are the first 60 frames of the
# vamp that you have heard.

# %% tags=["nbval-check-output"]
print(masks.periodic((1, 9, 60), period=9))

# %% [markdown]
# A frame lasts about a hundredth of a second, shorter than most notes. A `width` keeps longer pieces of the original.
# They lie around the kept frames, so the start of the clip cuts the first one:

# %% tags=["nbval-check-output"]
print(masks.periodic((1, 1, 48), period=12, width=3).picture())

# %% [markdown]
# > **Paper, article, released code.** In the released code an even width keeps one frame more than it says, because
# > half the width, rounded down, is taken on both sides of the frame. `compat=True` does as it does.

# %% tags=["nbval-check-output"]
for width in (2, 3, 4):
    ours, theirs = (masks.periodic((1, 1, 30), 10, width=width, compat=compat) for compat in (False, True))
    print(f"width {width}: {ours.picture()[4:]}  released code: {theirs.picture()[4:]}")

# %% [markdown]
# ## 2. Denser
#
# A smaller period leaves more of the original: a dense vamp. One frame in five, one in two:

# %% tags=["nbval-check-output"]
for period in (9, 5, 2):
    print(masks.periodic((1, 1, 60), period).picture(), f" {1 / period:.0%} kept")

# %% [markdown]
# **Predict.** With every second frame given, how much of the original comes back: nearly all? What would you listen
# for? (12 passes again. The sampling temperature of lesson 03 is lower here than in the first vamp, so two things
# change at once. Section 11 turns them one at a time.)

# %%
dense = masks.periodic(codes.shape, period=2)
closer = generate(models, codes, dense, DecodeSettings(passes=12, temperature=1.0), seed=0).codes
clips_player(
    [("one in nine", heard(varied)[:88200]), ("one in two", heard(closer)[:88200])],
    title="How dense is the prompt?",
    source=made_by,
    spectrogram=False,
    packing="mp3",
    budget=80_000,
)

# %% [markdown]
# How much of it came back can be counted, token by token.

# %% [markdown] exercise="agreement" part="card"
# #### Exercise: How much came out the same?
#
# ●●○○○ difficulty 2 of 5 · about 4 minutes
#
# The model does not see the covered tokens. How often does it guess right? Return the share of the generated tokens
# (1) that are the same before and after.


# %% tags=["exercise"] exercise="agreement"
def agreement(before, after, mask):
    """Share of the generated tokens (1) that came out as they were. Codes and mask int64 [C, T]."""
    return None  # your code here


agreement = check("agreement", agreement)

# %% [markdown] exercise="agreement" part="solution"
# <details>
# <summary>Hint</summary>
#
# `(before == after)[mask == 1]` is a list of true and false. Their mean is the share of true.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def agreement(before, after, mask):
#     """Share of the generated tokens (1) that came out as they were. Codes and mask int64 [C, T]."""
#     generated = mask == 1
#     return (before == after)[generated].float().mean().item()
# ```
#
# Only the generated tokens count: the kept ones agree by construction.
#
# </details>

# %%
for name, result, prompt in (("one in nine", varied, vamp), ("one in two", closer, dense)):
    share, in_c0 = (agreement(codes[0, :n], result[0, :n], prompt.tensor[0, :n]) for n in (9, 1))
    print(f"{name}: of the generated tokens {share:.1%} are the original's, in c0 {in_c0:.1%}")

# %% [markdown]
# One guess in 1024 is right by luck, 0.1%. Are these figures above it? Mind how little is counted: c0 has a few
# hundred generated tokens here, and of so few luck gets less than one right on average.
#
# An exact match is also a strict judge. The model draws its tokens, so even a good guess rarely hits the very same
# one. And a token that differs may sound much the same. So section 9 sets a second judge beside this one. It listens
# to pitch classes.
#
# ## 3. What does a prompt cost?
#
# Think of the prompt as a message. You send what is uncovered, and the receiver makes up the rest. How many bits a
# second is that? (The receiver must also know the mask. "Every ninth frame" is quickly said, so we do not count it.)

# %% [markdown] exercise="prompt_bits" part="card"
# #### Exercise: What does a prompt cost?
#
# ●●○○○ difficulty 2 of 5 · about 5 minutes
#
# A prompt is what has to be sent; the rest is made up by the receiver. Each kept token takes log2 of `entries` bits.
# Write the bits per second of what a mask [codebooks, frames] keeps.


# %% tags=["exercise"] exercise="prompt_bits"
def prompt_bits(mask, frame_rate, entries=1024):
    """Bits per second that the kept tokens (0) of a mask [codebooks, frames] take."""
    return None  # your code here


prompt_bits = check("prompt_bits", prompt_bits)

# %% [markdown] exercise="prompt_bits" part="solution"
# <details>
# <summary>Hint</summary>
#
# Count the zeros, divide by the number of frames: that many tokens are sent for each frame. Lesson 01 had the rest:
# bits per token, frames per second.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def prompt_bits(mask, frame_rate, entries=1024):
#     """Bits per second that the kept tokens (0) of a mask [codebooks, frames] take."""
#     kept_per_frame = (mask == 0).sum().item() / mask.shape[1]
#     return kept_per_frame * math.log2(entries) * frame_rate
# ```
#
# Kept tokens per frame x bits per token x frames per second.
#
# </details>

# %% tags=["nbval-check-output"]
for period in (9, 5, 2, 1):
    grid = masks.periodic((1, 9, 90), period)
    print(f"one frame in {period}: {prompt_bits(grid.tensor[0], codec.frame_rate) / 1000:.2f} kbit/s")

# %% [markdown]
# The last line keeps everything. It is the codec itself, 7.75 kbit/s<!-- fact: DAC_BIT_RATE -->, as in lesson 01. A
# mask of the course tells its own cost:

# %% tags=["nbval-check-output"]
ninth = masks.periodic((1, 9, 90), 9)
print(f"{ninth.bits_per_second(codec.frame_rate):.1f} bit/s, kept: {ninth.kept_fraction:.1%}")

# %% [markdown]
# ## 4. A gap in the middle
#
# The second kind of prompt keeps both ends and covers what lies between. This is [inpainting](glossary.md#inpainting):
# for a wrong note, a cough, or a bar that you want to hear differently. By hand, twelve frames with two frames a
# second, and a gap from 2 s to 4 s:

# %% tags=["nbval-check-output"]
gap = torch.zeros(12, dtype=torch.long)
gap[2 * 2 : 4 * 2] = 1
print(gap.tolist())

# %% [markdown]
# Real frame rates are not that round. The codec has 86.13 frames/s<!-- fact: DAC_FRAME_RATE -->.

# %% [markdown] exercise="inpaint_mask" part="card"
# #### Exercise: A gap in seconds
#
# ●●●○○ difficulty 3 of 5 · about 6 minutes
#
# Musicians count seconds, masks count frames. Frame n begins at n / frame_rate seconds. Generate the frames that begin
# at `start` or later and before `stop`; keep all others.


# %% tags=["exercise"] exercise="inpaint_mask"
def inpaint_mask(frames, start, stop, frame_rate):
    """Mask int64 [frames] that generates (1) the frames that begin from `start` on and before `stop`, in seconds."""
    return None  # your code here


inpaint_mask = check("inpaint_mask", inpaint_mask)

# %% [markdown] exercise="inpaint_mask" part="solution"
# <details>
# <summary>Hint</summary>
#
# The first frame that begins at `start` or later has the number start * frame_rate, rounded up. The first one that
# begins at `stop` or later is no longer generated.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def inpaint_mask(frames, start, stop, frame_rate):
#     """Mask int64 [frames] that generates (1) the frames that begin from `start` on and before `stop`, in seconds."""
#     low, high = math.ceil(start * frame_rate), math.ceil(stop * frame_rate)
#     mask = torch.zeros(frames, dtype=torch.int64)
#     mask[low:high] = 1
#     return mask
# ```
#
# Both ends are rounded up to whole frames, and the end itself is not included.
#
# </details>

# %% [markdown]
# The gap of the article's demos reaches from 3 s<!-- fact: INPAINT_START --> to 7 s<!-- fact: INPAINT_STOP --> of ten:

# %% tags=["nbval-check-output"]
ten_seconds = (1, 9, codec.frames(10 * 44100))
hole = masks.inpaint_span(ten_seconds, 3.0, 7.0, codec.frame_rate)
print(hole)
print("the same as yours:", bool((hole.tensor[0, 0] == inpaint_mask(ten_seconds[2], 3, 7, codec.frame_rate)).all()))

# %% [markdown]
# ## 5. Only the beats
#
# To save the rhythm and let the rest change, keep a moment after each beat and cover the time between. First the mask
# by hand: two frames a second, beats at 0, 2 and 4 seconds, half a second kept after each.

# %% tags=["nbval-check-output"]
by_hand = torch.ones(12, dtype=torch.long)
for beat in (0.0, 2.0, 4.0):
    first = int(beat * 2)
    by_hand[first : first + 1] = 0
same = masks.beats((1, 1, 12), [0.0, 2.0, 4.0], frame_rate=2, after=0.5)
print(by_hand.tolist(), "- the same:", by_hand.tolist() == same.tensor[0, 0].tolist())

# %% [markdown]
# Where are the beats of our clip? A [beat tracker](glossary.md#beat-tracker) looks for onsets that come at regular
# distances. `find_beats` asks one, and says how it came by its beats.

# %%
from course_utils.vampnet import find_beats

beats = find_beats(clip, 44100)
print(beats)
print([round(t, 2) for t in beats.times])

# %% [markdown]
# It can be wrong, above all on music without drums. Then tap the beats, or type them: times in seconds, or a tempo.
# Our clip was made at 120 beats a minute. Compare the two lists: where do they differ?

# %% tags=["nbval-check-output"]
typed = find_beats(clip, 44100, taps="120 bpm")
print(f"{len(typed)} beats, {typed.how}:", [round(t, 2) for t in typed.times])

# %% [markdown]
# The mask takes the typed beats. It keeps 0.03 s<!-- fact: WILD_BEAT_SECONDS --> after each, as the article's wild
# demo does: every frame that this moment touches.

# %% tags=["nbval-check-output"]
on_beats = masks.beats(codes.shape, typed.times, codec.frame_rate, after=0.03)
print(repr(on_beats))
print(on_beats.picture().splitlines()[0])

# %% [markdown]
# > **Paper, article, released code.** The paper keeps 0.075 s<!-- fact: VAMPNET_BEAT_SECONDS --> around each beat. The
# > article keeps 0.03 s<!-- fact: WILD_BEAT_SECONDS --> or 0.08 s<!-- fact: FAITHFUL_BEAT_SECONDS --> after it, and so
# > does this course. The authors find the beats with a trained network, wavebeat. Its licence is the GPL, and its
# > weights come in a format that can run code when it is read. This course uses the tracker of `librosa` instead, and
# > the clearest onsets where that finds fewer than two beats.
#
# A sound without any beat gives an error that says so.

# %%
import numpy as np

from course_utils.vampnet import BeatsError

try:
    find_beats(np.zeros(44100, np.float32), 44100)
except BeatsError as error:
    print(error)

# %% [markdown]
# ## 6. Going on, and compressing
#
# Cover everything after a moment, and the model goes on from there: a [continuation](glossary.md#continuation).

# %% tags=["nbval-check-output"]
go_on = masks.continuation((1, 9, 60), prefix=20)
print(go_on)

# %% [markdown]
# All masks so far were columns: whole frames. A mask may also keep **rows**. Keep the first two codebooks of every
# frame, and let the model make up the other seven: compression.

# %% tags=["nbval-check-output"]
two_rows = masks.compression((1, 9, 60), codebooks=2)
print(two_rows)
print(f"{two_rows.bits_per_second(codec.frame_rate) / 1000:.2f} kbit/s")

# %% [markdown]
# Is that better than decoding only the kept codebooks and leaving out the rest, as on the ladder of lesson 01? Measure
# it for two, four and six kept. The mel distance compares spectra (0 is a copy), and the reference is what all nine
# codebooks give.

# %%
from course_utils.audio import mel_distance

for kept in (2, 4, 6):
    filled = generate(models, codes, masks.compression(codes.shape, kept), DecodeSettings(passes=12), seed=0).codes
    left_out = codec.decode(codes, levels=kept)[0, 0].numpy()[: len(clip)]
    distances = [mel_distance(sound, heard(codes)) for sound in (heard(filled), left_out)]
    print(f"{kept} codebooks kept: the rest made up {distances[0]:.2f}, the rest left out {distances[1]:.2f}")

# %% [markdown]
# <details><summary>Why would making it up ever lose?</summary>
#
# The upper codebooks correct small errors, and a wrong correction is an error of its own. Leaving out is the safe
# choice: it never adds anything. Made-up detail pays only where the model guesses well, or where the ear wants some
# detail and does not mind which. Mel distance does mind. (Only the first line asks the coarse model. The others are
# the work of the fine one alone, in 2 passes<!-- fact: VAMPNET_FINE_PASSES -->, as in the released code.)
#
# </details>

# %% [markdown]
# ## 7. Masks combine
#
# `a & b` generates what **both** generate: the prompts of both are kept. `a | b` generates what **either** does: kept
# is only what both keep. `~b` keeps what b generates, and generates what b keeps.

# %% tags=["nbval-check-output"]
a, b = masks.periodic((1, 1, 24), 4), masks.inpaint((1, 1, 24), prefix=6, suffix=6)
for name, combined in (("a", a), ("b", b), ("a & b", a & b), ("a | b", a | b), ("~b", ~b)):
    print(f"{name:6s}{combined.picture()[4:]}  {combined.n_kept} kept")

# %% [markdown] exercise="vamp_inside" part="card"
# #### Exercise: Vary one span only
#
# ●●●○○ difficulty 3 of 5 · about 5 minutes
#
# You like a recording except for one span, and there you want a variation. `vamp` is a periodic mask of the whole
# clip, `span` an inpaint mask that is true in the span. Combine them: outside the span all is kept, inside it only
# what `vamp` keeps.


# %% tags=["exercise"] exercise="vamp_inside"
def vamp_inside(vamp, span):
    """Mask that varies the span only: outside it keeps all, inside it keeps what `vamp` keeps. bool [C, T] each."""
    return None  # your code here


vamp_inside = check("vamp_inside", vamp_inside)

# %% [markdown] exercise="vamp_inside" part="solution"
# <details>
# <summary>Hint</summary>
#
# A token is generated if it lies in the span **and** the vamp generates it.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def vamp_inside(vamp, span):
#     """Mask that varies the span only: outside it keeps all, inside it keeps what `vamp` keeps. bool [C, T] each."""
#     return vamp & span
# ```
#
# & generates what both generate, so whatever one of them keeps stays kept.
#
# </details>

# %% tags=["nbval-check-output"]
span = masks.inpaint_span(codes.shape, 1.0, 3.0, codec.frame_rate)
inside = masks.Mask(vamp_inside(vamp.generate, span.generate), "a vamp from 1 s to 3 s")
print(inside)

# %% [markdown]
# A mask can be drawn as well: dark is kept.

# %%
from course_utils.show import mask_figure

mask_figure(inside, codec.frame_rate)

# %% [markdown]
# > **Paper, article, released code.** The mask builder of the released code has a setting `upper_codebook_mask`, which
# > is 3<!-- fact: VAMPNET_UPPER_CODEBOOKS --> unless told otherwise: the prompt stays in the first three codebooks,
# > and all the others are generated, even in kept frames. So a prompt there keeps less than "every ninth frame"
# > suggests. The course keeps whole frames unless you ask for less, with `masks.mask_upper` or with `upper=3` in the
# > `strategy` of the next section.
#
# What does it do to our dense vamp? The prompt becomes a third as large. How much further from the original does the
# sound come? Judge whether that is worth the bits.

# %%
thin = masks.mask_upper(dense, 3)
print(thin)

# %%
thinned = generate(models, codes, thin, DecodeSettings(passes=12), seed=0).codes
for name, result, prompt in (("all nine codebooks kept", closer, dense), ("only c0 to c2 kept", thinned, thin)):
    distance = mel_distance(heard(result), heard(codes))
    print(f"{name}: {prompt.bits_per_second(codec.frame_rate) / 1000:.2f} kbit/s, mel distance {distance:.2f}")

# %% [markdown]
# ## 8. One procedure
#
# You have now met six prompts. The course keeps them by name, in two styles, each with a temperature. Here is the
# style *wild*; both are explained in section 9. (In a clip this short the gap of the inpainting shrinks in
# proportion.)

# %%
from course_utils.vampnet import STRATEGIES, strategy

prompts = {name: strategy(name, "wild", codes.shape, codec.frame_rate, typed, passes=12) for name in STRATEGIES}
for name, prompt in prompts.items():
    print(f"{name:9s}{prompt.says}")

# %% tags=["nbval-check-output"]
print("the same vamp as by hand:", prompts["vamp"].mask == vamp)
print("the same beats as by hand:", prompts["beat"].mask == on_beats)

# %% [markdown]
# And the same call generates from each of them.

# %%
results = {}
for name, prompt in prompts.items():
    results[name] = generate(models, codes, prompt.mask, prompt.settings, prompt.fine, seed=0).codes

# %% [markdown]
# Are the kept tokens really untouched? Not one may differ.

# %% tags=["nbval-check-output"]
for name, prompt in prompts.items():
    kept = ~prompt.mask.generate
    print(f"{name:9s} kept {prompt.mask.n_kept:4d} tokens; changed: {int((results[name] != codes)[kept].sum())}")

# %% [markdown]
# **Paint.** Choose a prompt, listen, and look at its mask. Then take the brush: paint what is to be kept, erase what
# is to be made up, and watch what the prompt costs. Where a kernel runs, *Generate* decodes what you painted. Without
# one, the six results from above play.

# %%
from course_utils.show import mask_painter, prompted

recorded = [prompted(prompts[name], codes, results[name], codec, clip) for name in STRATEGIES]
mask_painter(
    codes, codec, models, typed, recorded, original=clip, clip="4 s of the electronic loop",
    settings=DecodeSettings(passes=12, temperature=1.2), budget=320_000,
)  # fmt: skip

# %% [markdown]
# A painted mask can be carried into a cell: the painter shows it as a line of Python to copy. `painted` reads the text
# in it. In `6k12g6k` six frames are kept, twelve generated and six kept. What it returns goes into `generate` like any
# other mask.

# %% tags=["nbval-check-output"]
from course_utils.vampnet import painted

print(painted("9x24 c0-2:6k12g6k c3-8:24g"))

# %% [markdown]
# ## 9. The ten players
#
# Now both demo clips in full, ten seconds each. The article that this course follows has ten players: two clips, each
# as it was and with four prompts (vamp, dense, inpaint, beat). Their settings are used here. Continue and compress are
# the course's own addition, which makes four players more. *Wild*, on the electronic loop: thin prompts and a high
# temperature. *Faithful*, on the guitar: dense prompts and a low one. (The beats below are only an example, two a
# second. The grid finds those of each clip.)

# %%
for style in ("wild", "faithful"):
    for name in STRATEGIES:
        chosen = strategy(name, style, ten_seconds, codec.frame_rate, beats=[0.5 * n for n in range(20)])
        print(f"{style:8s} {name:8s} {chosen.says}")

# %% [markdown]
# Twelve decodes of 36 passes<!-- fact: VAMPNET_PASSES --> take a minute or more. So they were recorded: their tokens,
# and the hashes of the model and the code that made them. When either changes, the recording is refused until it is
# made anew, with `make_recording("strategies")`.

# %%
from course_utils.recorded import read_recording

recording = read_recording("strategies")
print(recording.story)

# %%
from course_utils.show import GridRow, strategy_grid


def row_of(name, style):
    song, before = demo_clip(name), recording.codes(f"{name}-original")
    found, players = find_beats(song.samples, song.rate), []
    for which in STRATEGIES:
        chosen = strategy(which, style, before.shape, codec.frame_rate, found, passes=36)
        after = recording.codes(f"{name}-{which}")
        players.append(prompted(chosen, before, after, codec, song.samples, seed=recording.settings["seed"]))
    return GridRow(name, song.samples, players)


grid = [row_of("electronic", "wild"), row_of("guitar", "faithful")]

# %% [markdown]
# Play one, and switch while it runs: they share one playhead. Below the players is a blind test. It begins with the
# guitar's original and its dense vamp. In each of ten rounds X is one of the two, and you say which. You may choose
# another pair.

# %%
strategy_grid(grid, title="The ten players, and four more", abx=(7, 9), budget=1_850_000)

# %% [markdown]
# <details><summary>What to listen for</summary>
#
# Listen to the beat first, then to the chords, then to the sound of the instrument. In the inpainted ones, listen at
# 3 s and at 7 s: is there a seam? In the continuations, wait for 5 s. And remember the ladder of lesson 01: even the
# kept frames come out of the codec, so nothing can sound better than nine levels do.
#
# In the blind test, nine or ten right of ten would happen by luck about once in a hundred tries; seven right proves
# nothing. And ask what you recognised. The original in the grid has not been through the codec, all the others have.
# So you may hear the codec and not the model. Two prompts of one clip make a fairer pair: dense vamp and inpaint, say.
#
# </details>
#
# Did every prompt come through, token by token?

# %% tags=["nbval-check-output"]
players = [player for row in grid for player in row.players]
print(len(players), "results; prompts that came through exactly:", sum(p.outcome.kept_exact for p in players))

# %% [markdown]
# How near is each to its original? Agreement judges token by token. Chroma correlation listens to pitch classes: 1 is
# a copy, 0 has nothing in common. The last column is the authors' own, far larger model, on the article's own two
# clips: another model and other music. So compare the order of the rows, not the digits. A dash means that there is
# nothing to count, or no figure of the authors' model.

# %%
from course_utils import facts

print("                    kept  kbit/s  agreement   in c0  chroma  authors' chroma")
for player in players:
    (style, name), found = (player.strategy.style, player.strategy.name), player.outcome
    theirs = facts.by_name().get(f"REFERENCE_{style}_{name}".upper(), "-")
    in_c0 = found.by_codebook[0].generated  # None where c0 is kept
    print(f"{style:9s}{name:9s}{found.kept_fraction:6.1%}{found.bits_per_second / 1000:8.2f}"
          f"{found.agreement_generated:11.1%}{'-' if in_c0 is None else f'{in_c0:.1%}':>8s}"
          f"{found.chroma:8.2f}  {theirs!s:>8s}")  # fmt: skip

# %% [markdown]
# <details><summary>How to read it</summary>
#
# The presets differ in two things at once, how much is kept and how boldly the rest is drawn, and the two clips differ
# as well. So the table does not say which of them made one come out nearer than another. Section 11 takes them apart.
#
# Agreement counts only what was generated, and luck alone gets 0.1%. Chroma is taken over the whole ten seconds, so a
# prompt that keeps half the clip has half of its answer for nothing. It is taken against the recording itself, so the
# codec's own errors count too: not even a prompt that keeps everything would reach 1.
#
# Two wild rows cost almost the same: the vamp sends every codebook of one frame in nine, compression sends c0 of every
# frame. Which spends its bits better, by this judge? And by your ear?
#
# </details>

# %% [markdown]
# ## 10. How dense must a prompt be?
#
# The recording `density` vamps eight clips that no model was trained on, with periods from 2 to 32. What do you
# expect: a slow decline, or a cliff?

# %%
import matplotlib.pyplot as plt
from course_utils.show import figure

density = read_recording("density")
rows = density.numbers["tasks"]["vamp"]["rows"]
print(density.story)

# %%
periods = [row["period"] for row in rows]
fig, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for axis, measure, name in zip(axes, ("chroma", "agreement"), ("chroma correlation", "token agreement"), strict=True):
    middle, error = zip(*(row[measure] for row in rows), strict=True)
    axis.errorbar(periods, middle, yerr=error, marker="o", capsize=3)
    axis.set(xscale="log", xlabel="period: every P-th frame is kept", ylabel=name, ylim=(0, None))
    axis.set_xticks(periods, [str(period) for period in periods])
    axis.minorticks_off()
axes[1].axhline(1 / 1024, linestyle="--", color="0.5")  # a guess by luck
axes[1].yaxis.set_major_formatter("{x:.1%}")
said = ", ".join(f"{row['chroma'][0]:.2f} at {row['period']}" for row in rows)
what = f"Mean and standard error over {len(density.numbers['clips'])} clips, {models.name} VampNet."
figure(fig, f"{what} Chroma correlation against the period: {said}. Dashed: agreement by luck.")

# %%
for row in rows:
    print(f"P = {row['period']:2d}: chroma {row['chroma'][0]:.2f} +- {row['chroma'][1]:.2f}, "
          f"agreement {row['agreement'][0]:.1%} +- {row['agreement'][1]:.1%}")  # fmt: skip

# %% [markdown]
# At P = 1 nothing would be generated: chroma would be 1, and agreement would have nothing to count. The kept frames
# count in the chroma, but not in the agreement. (Both are measured a little differently from section 9. Agreement is
# that of the coarse tokens, c0 to c3. Chroma is taken against what the codec makes of the original.)
#
# Look at the two panels together. Chroma may fall only because fewer frames are kept. If the model made good use of a
# denser prompt, agreement would rise towards the left as well. Does it, by more than the bars?
#
# So how much of the chroma is the model's work? Two ways of filling the gaps need no model at all: **hold** repeats
# the last kept frame, and **dice** takes tokens at random. Here they are beside the model, on the guitar alone.


# %%
def hold(codes, period):
    last_kept = torch.arange(codes.shape[2]) // period * period
    return codes[..., last_kept]


def dice(codes, period):
    drawn = torch.randint(0, 1024, codes.shape, generator=torch.Generator().manual_seed(0))
    return masks.periodic(codes.shape, period).merge(codes, drawn)


# %%
from course_utils.audio import chroma_similarity

given = density.codes("guitar-original")
sound, alike = codec.decode(given)[0, 0].numpy(), []
for period in periods:
    filled = density.codes(f"guitar-vamp-{period}"), hold(given, period), dice(given, period)
    alike.append([chroma_similarity(codec.decode(result)[0, 0].numpy(), sound) for result in filled])
    print(f"P = {period:2d}: model {alike[-1][0]:.2f}  hold {alike[-1][1]:.2f}  dice {alike[-1][2]:.2f}")

# %%
over_dice, over_hold = (sum(row[0] > row[other] for row in alike) for other in (2, 1))
print(f"of {len(alike)} periods, the model is nearer than dice at {over_dice}, and nearer than hold at {over_hold}")

# %% [markdown]
# <details><summary>How to read it</summary>
#
# Dice shows about what the kept frames bring by themselves: that much belongs to the prompt. Where the model is not
# above it, its tokens are no better guesses than luck, as far as pitch classes go. But this is one clip and one seed:
# a small difference proves nothing.
#
# Hold is hard to beat by this judge. A chord that lasts is well guessed by repeating it, and pitch classes cannot tell
# a repeated frame from a plucked string. Your ears can: that is why a player follows. And it is why lesson 02 measured
# the model by the bits that the true tokens cost it, not by its sound.
#
# </details>

# %%
clips_player(
    [("original", sound[:88200]), ("model", heard(density.codes("guitar-vamp-16"))[:88200]),
     ("hold", heard(hold(given, 16))[:88200]), ("dice", heard(dice(given, 16))[:88200])],
    title="One frame in sixteen", source=density.story.split(";")[0], spectrogram=False, packing="mp3", budget=100_000,
)  # fmt: skip

# %% [markdown]
# ## 11. Wild or faithful?
#
# The wild vamp keeps one frame in nine and draws at temperature 1.2<!-- fact: WILD_VAMP_TEMPERATURE -->. The faithful
# one keeps one in five and draws at 0.7<!-- fact: FAITHFUL_VAMP_TEMPERATURE -->. Which of the two knobs does more?
# Turn one at a time, on four seconds of the guitar. (This is the sampling temperature of lesson 03. The other one
# there, the mask temperature, stays as it is.)

# %%
electronic, guitar = demo_clip("electronic").samples, demo_clip("guitar").samples
guitar_codes = codec.encode(guitar[: len(clip)])
turned = {}
for period in (9, 5):
    for temperature in (1.2, 0.7):
        prompt = masks.periodic(guitar_codes.shape, period)
        decoding = DecodeSettings(passes=12, temperature=temperature)
        turned[period, temperature] = prompt, generate(models, guitar_codes, prompt, decoding, seed=0).codes

# %%
for (period, temperature), (prompt, result) in turned.items():
    share = agreement(guitar_codes[0], result[0], prompt.tensor[0])
    likeness = chroma_similarity(heard(result), heard(guitar_codes))
    print(f"period {period}, temperature {temperature}: agreement {share:.1%}, chroma {likeness:.2f}")

# %% [markdown]
# One seed and four seconds are little evidence. The recording `temperatures` has the eight clips of section 10, all
# with the same prompt, one frame in nine, and in 36 passes<!-- fact: VAMPNET_PASSES -->:

# %%
temperatures = read_recording("temperatures")
for row in temperatures.numbers["tasks"]["vamp"]["rows"]:
    if row["mask_temperature"] == 10.5:
        print(f"temperature {row['temperature']}: agreement {row['agreement'][0]:.1%} +- {row['agreement'][1]:.1%}, "
              f"chroma {row['chroma'][0]:.2f} +- {row['chroma'][1]:.2f}")  # fmt: skip

# %% [markdown]
# <details><summary>How to read it</summary>
#
# The +- is the standard error over the clips. Do the four lines differ by more than about two of them? If not, then
# temperature did nothing here that these two judges can see. Section 10 turned the other knob: there the period
# changed and the temperature stayed. Compare how far the chroma moved in each, and remember that the kept frames count
# in it.
#
# Temperature can only sharpen or flatten what the model knows. Where its probabilities are nearly even, there is
# little to sharpen. So the authors' model may well answer differently.
#
# </details>
#
# ## 12. Music it does not know
#
# A prompt helps only if the model knows what usually stands between. How surprised is it by the covered tokens? Give
# it every fifth frame, and take the mean of -log2 of the probability that it gives to the true tokens, c0 to c3. A
# model that knows nothing needs 10 bit<!-- fact: DAC_BITS_PER_CODE --> for each. Five prompts, each shifted by a
# frame, show how firm the figure of one clip is.


# %%
def surprise(codes, roll):
    prompt = masks.periodic(codes.shape, period=5, roll=roll)
    with torch.inference_mode():
        logits = models.coarse(prompt.apply(codes)[:, :4])  # [1, 4, frames, 1024]
    log_p = logits.log_softmax(-1).gather(-1, codes[:, :4, :, None])[..., 0]
    return -log_p[prompt.generate[:, :4]].mean().item() / math.log(2)


# %% [markdown]
# The guitar loop is played by an instrument that the model was trained with, though the notes are new. Then the very
# same clip a quarter tone higher, between the keys of the piano: it is played a little faster. Then backwards, so that
# every note swells and stops. Then the electronic loop, a recorded drum beat, and noise. **Predict** the order before
# you run it.

# %%
import soxr
from course_utils import load_audio
from course_utils.paths import data_folder

drums = load_audio(data_folder() / "clips" / "heldout_arovane_a.flac").samples
cases = {
    "guitar": guitar,
    "guitar, a quarter tone higher": soxr.resample(guitar, 2 ** (1 / 24), 1),
    "guitar, backwards": guitar[::-1].copy(),
    "electronic loop": electronic,
    "a recorded drum beat": drums,
    "white noise": np.random.default_rng(0).normal(0, 0.1, 441000).astype(np.float32),
}

# %%
encoded = {name: codec.encode(samples[:220500]) for name, samples in cases.items()}  # 5 s each
bits = {name: np.array([surprise(tokens, roll) for roll in range(5)]) for name, tokens in encoded.items()}
for name, found in sorted(bits.items(), key=lambda item: item[1].mean()):
    print(f"{name:30s} {found.mean():.2f} bits a token (+- {found.std(ddof=1):.2f})")

# %% [markdown]
# Start with the three guitars, which hold the same notes. Does a changed one lie further from the plain one
# than the +- explains? Then a conclusion is tempting. But the +- comes from five prompts of one clip: of other music it
# says nothing. So change more music in the same two ways: the held-out pieces of lesson 02, three seconds of each.

# %%
from course_utils.synth.render import Renderer
from course_utils.train.corpus import RATE, SMALL_FONT, freedoom_pieces, render_excerpt

renderer = Renderer(data_folder() / SMALL_FONT, RATE)
pieces = [render_excerpt(path, 10.0, 3.0, renderer) for path in freedoom_pieces(held_out=True)]
pieces = [piece for piece in pieces if piece.std() > 1e-3]  # not those that are silent there

# %%
changes = {
    "a quarter tone higher": lambda samples: soxr.resample(samples, 2 ** (1 / 24), 1),
    "backwards": lambda samples: samples[::-1].copy(),
}
plain = np.array([surprise(codec.encode(piece), 0) for piece in pieces])
for name, change in changes.items():
    more = np.array([surprise(codec.encode(change(piece)), 0) for piece in pieces]) - plain
    error = more.std(ddof=1) / math.sqrt(len(more))
    where = "beyond" if abs(more.mean()) > 2 * error else "within"
    print(f"{name}: {more.mean():+.3f} bits a token (+- {error:.3f} over {len(more)} pieces), {where} twice the error")

# %% [markdown]
# <details><summary>How to read it</summary>
#
# *Within*: these pieces show no difference, whatever the one guitar said; more pieces might. *Beyond*, with a plus: the
# changed music is harder to guess. Then the model may know something about tuning, or about the direction of time. But
# there is a rival cause. The model reads codes, and the codec too was trained on music in tune that runs forwards. It
# codes a changed clip in another way, and then there is something else to guess. This measurement cannot tell what the
# model knows from what the codec does.
#
# </details>
#
# And the noise? By SI-SDR it was the codec's worst case in lesson 01. Count how many entries of c0 it uses:

# %% tags=["nbval-check-output"]
used = {name: len(tokens[0, 0].unique()) for name, tokens in encoded.items()}
print("noise uses fewer than 50 entries of c0:", used["white noise"] < 50)
print("the guitar uses more than 100:", used["guitar"] > 100)

# %% [markdown]
# To the codec, noise is noise, whatever its samples are: a few entries of c0 do. So c0 is easy to guess, and that
# lowers the mean over the four codebooks. Being easy to guess, well coded, and worth hearing are three different
# things.
#
# **What this model cannot do.** It has a small fraction of the parameters of the authors' models, and of their
# training music. Its network tells distances apart up to 128 frames<!-- fact: VAMPNET_BIAS_DISTANCE -->, a second and
# a half. A bar of our loop lasts two seconds, so it can find the bar before only by what sounds there, not by where it
# stands. And every result is limited by the codec under it. The figures above are what it can do. The last column of
# section 9 gives an idea of how much more the authors' model can.

# %% [markdown]
# ## 13. Listening task
#
# Three of the six results of section 8, without their names. (The original is in the very first player.) Listen,
# decide, then look.

# %%
from course_utils.exercises.lesson04 import BLIND

blind = [(letter, heard(results[name])) for letter, name in BLIND.items()]
clips_player(
    blind,
    title="Which is which?",
    source=made_by,
    spectrogram=False,
    packing="mp3",
    budget=130_000,
)

# %% [markdown] exercise="which_inpaint" part="card"
# #### Exercise: Which one has only its middle made up?
#
# ●○○○○ difficulty 1 of 5 · about 3 minutes
#
# Play the three sounds above. In one, every ninth frame was kept. In one, the beginning was kept, and in one both
# ends. Write the letter of the one with both ends.

# %% tags=["exercise"] exercise="which_inpaint"
which_inpaint = None  # "a" or "b" or "c"
which_inpaint = check("which_inpaint", which_inpaint)

# %% [markdown] exercise="which_inpaint" part="solution"
# <details>
# <summary>Hint</summary>
#
# Do not listen to the middle. Compare the last second with the last second of the original.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# which_inpaint = "c"
# ```
#
# Sound c is the inpainting, sound a the vamp, sound b the continuation.
#
# </details>

# %% [markdown]
# ## Your own clip
#
# Write the path of any sound file into the cell below. Choose a strategy and a style, for example
# `vary(path, "inpaint", "faithful")`. For `"beat"` you may give the beats as well: `taps="120 bpm"`. (In a terminal:
# `course vamp --input FILE --strategy vamp,inpaint --out DIR`.)

# %%
from course_utils import load_audio


def vary(path, name="vamp", style="wild", seconds=4.0, taps=None):
    mine = load_audio(path, duration=seconds) if path else demo_clip("ladder")
    print(mine.name if path else f"no file was given, so this is the demo clip {mine.name!r}")
    own = codec.encode(mine)
    marks = find_beats(mine.samples, mine.rate, taps) if name == "beat" else None
    chosen = strategy(name, style, own.shape, codec.frame_rate, marks, passes=12)
    print(chosen.says, f"- {marks}" if marks else "")
    made = generate(models, own, chosen.mask, chosen.settings, chosen.fine, seed=0).codes
    sounds = [("original", mine.samples), (name, codec.decode(made, length=len(mine.samples))[0, 0].numpy())]
    return clips_player(sounds, title="Your own clip", source=made_by, spectrogram=False, packing="mp3", budget=90_000)


path = None  # for example "my_song.mp3"
vary(path)

# %% [markdown]
# ## What you can do now
#
# - **Choose** what a model keeps of a recording, with a mask that you wrote or painted, in frames, seconds, beats or
#   codebooks.
# - **Compute** what a prompt costs in bits per second.
# - **Combine** masks, and predict what `&` and `|` keep.
# - **Vary, extend and repair** a recording with one procedure, and check that the prompt came through untouched.
# - **Measure** how near the result is to the original, and say how much of that is owed to the model.
#
# ## To discuss
#
# 1. (10 min) You own a recording and vamp it with every second frame kept. Is the result yours? With every 32nd?
#    Where would you draw the line, and which number would you draw it with?
# 2. (10 min) The prompt of a vamp is blind to the music: frames at regular distances. What would a prompt look like
#    that knows the music? Which frames would you keep, if you had 10 in a second?
# 3. (5 min) Token agreement, chroma correlation, surprise, your ears: which judge would you believe, and for what?
# 4. (10 min) A continuation and an inpainting cover equally many frames. Which of them is easier? How would you test
#    it?
#
# <details><summary>For whoever leads the discussion</summary>
#
# 1. There is no threshold in the model. Section 10 shows how much returns at which period; let people mark a period
#    before they see the figure, and again after.
# 2. Beat-driven prompts are one answer. Another: keep the frames that the model finds hardest to guess (`surprise` of
#    section 12, frame by frame). Ask who would have to compute it: the sender, who has the original.
# 3. Agreement proves that something came back, chroma says that the harmony is alike, surprise that it is usual. None
#    of them hears whether it is music: `hold` of section 10 and the noise of section 12 are the counterexamples.
# 4. The inpainting is held at both ends, and no covered frame is further from a kept one than half the gap. Lesson 02
#    measured what the second end is worth.
#
# </details>
#
# ## Where this comes from
#
# - Prompts as masks (compression; periodic, with periods of 8, 16 and 32; prefix and suffix; beat-driven): VampNet
#   (arXiv 2307.04686), on prompts. Its abstract says what it calls vamping.
# - The two demos with their presets: the article that this course follows; its numbers are in `course_utils/facts.py`.
# - The masks of the released code, and where ours differ: `course_utils/vampnet/masks.py`.
# - How the course models were trained, and on what: `data/models/vampnet-coarse/card.md`.

# %% [markdown] made="next"
# **Next:** [05 · Music as events](05_music_as_events.ipynb). After it you can turn MIDI into events and back by rules
# that you wrote, measure what is lost, and read a table of perplexities.

# %%
from course_utils.show.frame import downloads

downloads({"vamp_of_one_bar": heard(results["vamp"])[: 2 * 44100]})

# %%
from course_utils.show.frame import reproducibility

reproducibility(seed=0, models=["course-codec", "vampnet-coarse", "vampnet-fine"])
