# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   two_poles:
#     data: [clips, models/course-codec, models/vampnet-coarse, models/vampnet-fine, recorded]
# ---

# %% [markdown] made="header"
# # 03 · Parallel decoding, 36 passes
#
# **After this lesson you can** fill a whole grid of codes with a pass of the decoder that you wrote yourself, say what
# each of the 36 passes decides, and measure what more of them give.
#
# 50 minutes to read, 82 with the exercises · builds on: lesson 02
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/03_parallel_decoding.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/03_parallel_decoding.ipynb

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
import time
from itertools import pairwise

import numpy as np
import torch

from course_utils.exercises.lesson03 import check
from course_utils.show.frame import set_up
from course_utils.vampnet import DecodeSettings, decode, generate, load_vampnet, masks

codec = set_up("03", model="course", seed=0)
models = load_vampnet("course", codec=codec)

# %% [markdown]
# **Hear it first.** A guitar. Of every 16 frames we keep one as a [prompt](glossary.md#prompt), and cover the other 15.
# A model that was trained as in lesson 02 fills the gaps: once in a single pass, once in 36 passes. Which of the two do
# you prefer?

# %%
from course_utils import demo_clip
from course_utils.show import clips_player

clip = demo_clip("guitar")
codes = codec.encode(clip.samples[: 5 * 44100])  # [1, 9, 431]
prompt = masks.periodic(codes.shape, 16)


def filled(passes, seed=0, **settings):
    chosen = DecodeSettings(passes=passes, **settings)
    return generate(models, codes, prompt, chosen, seed=seed)


def heard(codes):
    return codec.decode(codes)[0, 0].numpy()


one, many = filled(1), filled(36)
sounds = [("the recording", heard(codes)), ("1 pass", heard(one.codes)), ("36 passes", heard(many.codes))]
clips_player(
    sounds, title="Filled in one pass, and in 36", source="course models, seed 0", packing="mp3", budget=270_000
)

# %% tags=["nbval-check-output"]
print("tokens kept:", prompt.n_kept, "- tokens to fill:", int(prompt.generate.sum()))

# %% [markdown]
# The same models, the same prompt, the same seed. All that differs is how often the coarse model was asked. (The fine
# model takes the same two passes in both: section 9.) Hard to tell apart? Section 10 measures the difference, and
# section 13 tests your ears. Before that, this lesson opens the 36 passes, and lets you write one of them yourself.
#
# ## 1. One pass by hand
#
# A model with 1024 codes is hard to print. So we begin with four notes and a model that is a table. Here is a nursery
# tune, and how often one note follows another in it: a row for the left note, a column for the right one, both in the
# order C, D, E, G. (One half is added everywhere: rare is not impossible.)

# %% tags=["nbval-check-output"]
tune = "EDCDEEEDDDEGGEDCDEEEEDDEDC"
places = torch.tensor(["CDEG".index(note) for note in tune])
pairs = torch.full((4, 4), 0.5)
for left, right in pairwise(places):
    pairs[left, right] += 1
print(pairs.numpy())

# %% [markdown]
# A fifth row and column stand for *not known*, the [MASK] of lesson 02: they hold the sums.

# %%
table = torch.cat([pairs, pairs.sum(0, keepdim=True)])
table = torch.cat([table, table.sum(1, keepdim=True)], dim=1)  # [5, 5]

# %% [markdown]
# The model looks both ways: a note is likely if it often follows its left neighbour and often precedes its right one.
# So the code multiplies the two counts. It divides by how often the note occurs at all, or common notes would count
# twice. The answers are [logits](glossary.md#logit), logarithms of how likely each note is, up to a constant.


# %%
def tune_model(row):
    """Logits [8, 4] of the four notes at each place of a row [8]; 4 means not known."""
    left = torch.cat([torch.tensor([4]), row[:-1]])
    right = torch.cat([row[1:], torch.tensor([4])])
    return (table[left, :4] * table[:4, right].T / table[4, :4]).log()


# %% [markdown]
# Our grid is 1 x 8: one codebook, eight frames. The first and the last note are given, six are open.

# %% tags=["nbval-check-output"]
row = torch.tensor([2, 4, 4, 4, 4, 4, 4, 0])


def written(row):
    return " ".join("CDEG?"[note] for note in row)


print(written(row))

# %% [markdown]
# **Ask.** One call gives logits for all eight places at once. This is why it is called
# [parallel decoding](glossary.md#parallel-decoding).

# %% tags=["nbval-check-output"]
logits = tune_model(row)
print("     C    D    E    G")
for place, line in enumerate(logits.tolist()):
    print(place, " ".join(f"{value:4.1f}" for value in line), "  given" if row[place] < 4 else "")

# %% [markdown]
# **Sample.** The softmax makes them probabilities that sum to 1. We lay them end to end (`heap` says where each ends),
# throw a dart between 0 and 1, and take the note that it hits. (Each place gets two darts. The second is for section
# 3.) At place 1:

# %% tags=["nbval-check-output"]
darts = torch.rand(2, 8, generator=torch.Generator().manual_seed(1))
probability = logits.softmax(-1)
heap = probability[1].cumsum(0)
print("probabilities", probability[1].numpy().round(2), "- heap", heap.numpy().round(2))
print(f"the dart {darts[0, 1]:.2f} hits", "CDEG"[torch.searchsorted(heap, darts[0, 1], right=True)])

# %% [markdown]
# All eight places at once, and for any number of notes:


# %% tags=["nbval-check-output"]
def draw(probability, uniform):
    """The token hit by each dart: probability [N, V], uniform [N] -> [N]."""
    heap = probability.cumsum(-1)
    token = torch.searchsorted(heap, uniform[:, None] * heap[:, -1:], right=True)[:, 0]
    return token.clamp(max=probability.shape[-1] - 1)


is_open = row == 4
sampled = torch.where(is_open, draw(probability, darts[0]), row)
print(written(sampled))

# %% [markdown]
# Each note was drawn without a look at the other draws. So the row may hold pairs that the tune never has:


# %% tags=["nbval-check-output"]
def never_heard(row):
    return [written(pair) for pair in pairwise(row) if pairs[pair[0], pair[1]] < 1]


print("never in the tune:", never_heard(sampled))

# %% [markdown]
# **Rank.** How sure is the model of each note that it drew? The [confidence](glossary.md#confidence) is the logarithm
# of its probability. The given notes stay whatever happens: infinite confidence.

# %% tags=["nbval-check-output"]
confidence = probability.gather(1, sampled[:, None])[:, 0].log()
confidence = torch.where(is_open, confidence, torch.inf)
print(" ".join(f"{value:5.2f}" for value in confidence))

# %% [markdown]
# **Keep and open again.** Say that five are to be open after this pass. The five least confident lose their note. (The
# first `argsort` tells who comes first, second, ... The second tells each place which rank it has.)

# %% tags=["nbval-check-output"]
rank = confidence.argsort(stable=True).argsort()
remasked = rank < 5
print("rank     ", rank.tolist())
print("drawn    ", written(sampled))
print("kept     ", written(sampled.masked_fill(remasked, 4)))

# %% [markdown]
# That was one pass. The note that stayed is now part of the prompt. In the next pass the model knows more about the
# places beside it. Four passes, with 5, 4, 2 and 0 notes left open:


# %% tags=["nbval-check-output"]
def toy_pass(row, count, darts):
    probability, is_open = tune_model(row).softmax(-1), row == 4
    sampled = torch.where(is_open, draw(probability, darts[0]), row)
    confidence = probability.gather(1, sampled[:, None])[:, 0].log().masked_fill(~is_open, torch.inf)
    return sampled, confidence.argsort(stable=True).argsort() < count


dice, now = torch.Generator().manual_seed(1), row
for number, count in enumerate([5, 4, 2, 0], start=1):
    sampled, remasked = toy_pass(now, count, torch.rand(2, 8, generator=dice))
    now = sampled.masked_fill(remasked, 4)
    print(f"pass {number}: drew {written(sampled)} - kept {written(now)}")

# %% [markdown]
# Does the last row still hold a pair that the tune never has? It may: rare is not impossible. You can hear it, beside
# the first eight notes of the tune. Notes that are open are silent.


# %%
def played(row, seconds=0.25):
    """The row as decaying sine tones at 44.1 kHz, float32."""
    t = np.arange(int(seconds * 44100)) / 44100
    tones = [np.sin(2 * np.pi * hertz * t) * np.exp(-6 * t) for hertz in (261.6, 293.7, 329.6, 392.0)]
    return np.concatenate([0.3 * tones[n] if n < 4 else 0 * t for n in row.tolist()]).astype(np.float32)


rows = [("the prompt", played(row)), ("four passes", played(now)), ("the tune", played(places[:8]))]
clips_player(rows, title="Notes", spectrogram=False, budget=80_000)

# %% [markdown]
# **Does it help to ask more often?** One row proves nothing. So fill 200 rows, and count the pairs that never occur in
# the tune: with one pass, two, four, and with six passes, one note at a time.


# %%
def toy_decode(counts, seed):
    dice, now = torch.Generator().manual_seed(seed), row
    for count in counts:
        sampled, remasked = toy_pass(now, count, torch.rand(2, 8, generator=dice))
        now = sampled.masked_fill(remasked, 4)
    return now


# %% tags=["nbval-check-output"]
for counts in ([0], [4, 0], [5, 4, 2, 0], [5, 4, 3, 2, 1, 0]):
    wrong = [len(never_heard(toy_decode(counts, seed))) for seed in range(200)]
    print(f"{len(counts)} passes: {np.mean(wrong):.2f} pairs in a row that the tune never has")

# %% [markdown]
# That is the whole idea. Notes drawn in the same pass do not know of each other: if they agree, it is luck. Notes drawn
# in a later pass have the earlier ones in view. One pass is fast and careless. One note a pass is careful and slow.
# VampNet lives in between.
#
# ## 2. How many stay open?
#
# Where did 5, 4, 2 and 0 come from? VampNet reads such numbers off a curve, the same cosine as in training. With N
# tokens open at the start, cos(π/2 · t/T) · N are open after pass t of T, rounded down. For 6 tokens and 4 passes:

# %% tags=["nbval-check-output"]
for t in range(1, 5):
    share = math.cos(math.pi / 2 * t / 4)
    print(f"after pass {t} of 4: {share:.3f} x 6 = {share * 6:.2f}, so {math.floor(share * 6)} are open")

# %% [markdown] exercise="open_after" part="card"
# #### Exercise: How many are still open?
#
# ●●○○○ difficulty 2 of 5 · about 5 minutes
#
# Write the schedule for any number of tokens, any pass and any number of passes.


# %% tags=["exercise"] exercise="open_after"
def open_after(n, number, passes):
    """Tokens still open after pass `number` of `passes`, of n at the start, by the cosine, rounded down."""
    return None  # your code here


open_after = check("open_after", open_after)

# %% [markdown] exercise="open_after" part="solution"
# <details>
# <summary>Hint</summary>
#
# `math.cos` takes radians: a share of 1 is `math.pi / 2`. `math.floor` rounds down.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def open_after(n, number, passes):
#     """Tokens still open after pass `number` of `passes`, of n at the start, by the cosine, rounded down."""
#     return math.floor(n * math.cos(math.pi / 2 * number / passes))
# ```
#
# N times the cosine of a quarter turn's share, rounded down.
#
# </details>

# %% [markdown]
# The library's function gives the whole list. (It has two more rules, for short rows: every pass keeps at least one
# token for good, but the last open one waits for the last pass.)

# %% tags=["nbval-check-output"]
from course_utils.vampnet import fixed_counts, masked_counts

print("yours:      ", [open_after(1000, t, 12) for t in range(1, 13)])
print("the library:", masked_counts(1000, 12))

# %% [markdown]
# One number differs by one, at pass 8 of 12. The cosine of two thirds of a quarter turn is exactly one half. Your
# Python computes it in 64 bits and lands a hair above. The released code computes in 32 bits and lands a hair below.

# %% tags=["nbval-check-output"]
print("64 bits, above one half:", math.cos(math.pi / 3) > 0.5)
print("32 bits, below one half:", bool(torch.tensor(8 / 12 * math.pi / 2, dtype=torch.float32).cos() < 0.5))

# %% [markdown]
# How many does each pass **settle**, that is, keep for good? By the cosine, few at first and many at the end. A
# straight line settles equally many in each pass.

# %% tags=["nbval-check-output"]
from course_utils.vampnet import schedule

print("cosine:", fixed_counts(1000, 12))
print("linear:", fixed_counts(1000, 12, schedule.linear))

# %%
import matplotlib.pyplot as plt

from course_utils.show import figure

curves = {"cosine": schedule.cosine, "linear": schedule.linear, "random": schedule.random(seed=0)}
fig, axis = plt.subplots(figsize=(7, 3))
for (name, gamma), mark in zip(curves.items(), "o^s", strict=True):
    axis.plot(range(37), [1000, *masked_counts(1000, 36, gamma)], marker=mark, markersize=3, label=name)
axis.set(xlabel="pass", ylabel="tokens open")
axis.legend()
after = ", ".join(f"{name} {masked_counts(1000, 36, gamma)[17]}" for name, gamma in curves.items())
figure(fig, f"Open tokens of 1000 after each of 36 passes. After pass 18: {after}.")

# %% [markdown]
# Half of the passes are over, and by the cosine seven tenths of the tokens are still open. Early on the model knows
# least, so it commits least. Does that pay? Section 8 measures it.
#
# ## 3. What is the noise for?
#
# Our toy kept the draws with the highest probability. VampNet adds noise to the ranking first: **log p + w · g**. In
# code, *confidence* is this sum. The weight w starts near the [mask temperature](glossary.md#mask-temperature) and
# falls to 0 in the last pass. The noise g comes from each place's second dart, by a double logarithm. It is called
# [Gumbel noise](glossary.md#gumbel-noise).


# %%
def gumbel(uniform):
    return -torch.log(-torch.log(uniform))


gumbel(torch.tensor([0.05, 0.5, 0.95]))

# %% [markdown]
# Why this noise and no other? Add it to log-probabilities, to each a number of its own. Then the one with the largest
# sum is a **sample** by these probabilities. Try it 10,000 times:

# %% tags=["nbval-check-output"]
p = torch.tensor([0.6, 0.3, 0.1])
noise = gumbel(torch.rand(10_000, 3, generator=torch.Generator().manual_seed(0)))
winner = (p.log() + noise).argmax(1)
print("probabilities", p.numpy(), "- won", (torch.bincount(winner) / 10_000).numpy().round(2))

# %% [markdown]
# With weight w the chances are not p but p to the power of 1/w, scaled to sum 1. (The decoder keeps not one winner but
# many. They are a sample too, drawn one after the other without putting back.) The released code has a mask temperature
# of 10.5<!-- fact: VAMPNET_MASK_TEMPERATURE -->, and the paper advises more than
# 6<!-- fact: VAMPNET_MASK_TEMPERATURE_PAPER -->. How much is left of the ranking with such a weight?

# %% tags=["nbval-check-output"]
for w in (0.01, 1, 6, 10.5):
    winner = (p.log() + w * noise).argmax(1)
    theory = (p ** (1 / w) / (p ** (1 / w)).sum()).numpy().round(2)
    print(f"w = {w:5}: won {(torch.bincount(winner, minlength=3) / 10_000).numpy().round(2)}, by the formula {theory}")

# %% [markdown]
# Not much. In the last line the three win almost equally often. So in the first passes it is mostly **chance** that
# decides which tokens stay. As the weight falls, the model has more and more of a say.

# %% [markdown] exercise="ranked_by" part="card"
# #### Exercise: Rank with noise
#
# ●●○○○ difficulty 2 of 5 · about 5 minutes
#
# Write the number by which samples are ranked in a pass: the logarithm of the probability, plus the noise times its
# weight. The weight is the mask temperature times 1 - t/T: nearly all of it in the first pass, nothing in the last.


# %% tags=["exercise"] exercise="ranked_by"
def ranked_by(probability, noise, number, passes, temperature):
    """What samples are ranked by in a pass: log-probability plus Gumbel noise, whose weight falls to 0. All [N]."""
    return None  # your code here


ranked_by = check("ranked_by", ranked_by)

# %% [markdown] exercise="ranked_by" part="solution"
# <details>
# <summary>Hint</summary>
#
# `number` is t and `passes` is T. `probability.log()` takes the logarithm of every element.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def ranked_by(probability, noise, number, passes, temperature):
#     """What samples are ranked by in a pass: log-probability plus Gumbel noise, whose weight falls to 0. All [N]."""
#     weight = temperature * (1 - number / passes)
#     return probability.log() + weight * noise
# ```
#
# Log p + temperature * (1 - t/T) * noise.
#
# </details>

# %% [markdown]
# The library's function takes the weight instead of the pass:

# %% tags=["nbval-check-output"]
from course_utils.vampnet.sampling import confidence_of

uniform = torch.rand(3, generator=torch.Generator().manual_seed(2))
theirs = confidence_of(p, DecodeSettings(passes=12, mask_temperature=10.5).noise(4), uniform)
print("the same:", torch.allclose(ranked_by(p, gumbel(uniform), 4, 12, 10.5), theirs, atol=1e-5))

# %% [markdown]
# Why would anyone want to keep tokens by chance? Sections 6 and 7 take the noise away and look at what happens.
#
# ## 4. The real thing
#
# Now the real model: four codebooks, 431 frames, 1024 codes. One call gives logits for every cell, open or not.

# %%
seen = codes[:, :4].masked_fill(prompt.generate[:, :4], 1024)  # [1, 4, 431]; 1024 is [MASK]
with torch.inference_mode():
    logits = models.coarse(seen)
seen[0, :, :6], list(logits.shape)

# %% [markdown]
# Look at one open cell, the middle of a gap. What are the five likeliest codes of c0, and what was there? If even the
# first has only a small share, the dart decides more than the model does.

# %%
top = logits[0, 0, 200].softmax(-1).topk(5)
print("prompt at frame 200:", bool(seen[0, 0, 200] < 1024), "- true code:", int(codes[0, 0, 200]))
for code, share in zip(top.indices.tolist(), top.values.tolist(), strict=True):
    print(f"code {code:4d}: {share:.1%}")

# %% [markdown] exercise="decode_pass" part="card"
# #### Exercise: Write one pass of the decoder
#
# ●●●●○ difficulty 4 of 5 · about 12 minutes
#
# As in section 1, for the N open cells of a grid: probabilities, a token for each with `draw`, its confidence (the
# logarithm of its probability, plus the noise that is given), and the `count` least confident ones, true where they
# are opened again. The next cells put your function in the place of the library's, in a real decode.


# %% tags=["exercise"] exercise="decode_pass"
def decode_pass(logits, uniform, noise, count):
    """One pass over N cells: logits [N, V], uniform [N], noise [N], count -> tokens, confidence, remasked, [N]."""
    return None  # your code here


decode_pass = check("decode_pass", decode_pass)

# %% [markdown] exercise="decode_pass" part="solution"
# <details>
# <summary>Hint</summary>
#
# `probability.gather(1, tokens[:, None])[:, 0]` picks each row's probability of its own token. Sorting tells who comes
# first: `argsort()`. Where each one comes: `argsort().argsort()`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def decode_pass(logits, uniform, noise, count):
#     """One pass over N cells: logits [N, V], uniform [N], noise [N], count -> tokens, confidence, remasked, [N]."""
#     probability = logits.softmax(-1)
#     tokens = draw(probability, uniform)
#     confidence = probability.gather(1, tokens[:, None])[:, 0].log() + noise
#     remasked = confidence.argsort().argsort() < count
#     return tokens, confidence, remasked
# ```
#
# Sample, rank by log p plus noise, open the least confident again.
#
# </details>

# %% [markdown]
# The library lets you replace its pass. This adapter picks the open cells out of the grid, calls **your** function, and
# puts the answers back. (`chance` holds the two darts of every cell, `asked` is your `count`.)

# %%
from course_utils.vampnet.decoding import Step


def my_step(network, seen, asked, chance, settings, number, bias):
    is_open = seen == network.config.mask_token  # [1, 4, T]
    logits = network.logits_at(network.hidden(network.latents(seen), bias), is_open)  # [N, 1024]
    noise = settings.noise(number) * gumbel(chance[1][is_open])
    tokens, confidence, remasked = decode_pass(logits, chance[0][is_open], noise, int(asked))
    blank = torch.zeros_like(chance[0])
    return Step(
        seen.masked_scatter(is_open, tokens),
        (blank + 1).masked_scatter(is_open, (confidence - noise).exp()),
        (blank + torch.inf).masked_scatter(is_open, confidence),
        torch.zeros_like(is_open).masked_scatter(is_open, remasked),
    )


# %% [markdown]
# Three seconds, 12 passes, once with your pass and once with the library's.

# %%
piece = codes[:, :, :258]
sparse = masks.periodic((1, 4, 258), 16)
settings = DecodeSettings(passes=12)
mine = decode(models.coarse, piece[:, :4], sparse, settings, step=my_step)
library = decode(models.coarse, piece[:, :4], sparse, settings)

# %% tags=["nbval-check-output"]
print(f"tokens that are the same: {(mine.codes == library.codes).float().mean():.0%}")

# %% [markdown]
# Your function (the course's, as long as yours is not right) has just filled a real grid. Hear it, with the fine
# model's five rows on top.

# %%
from course_utils.vampnet.decoding import AUTHORS_FINE_PASSES


def with_fine(coarse, passes=AUTHORS_FINE_PASSES, seed=0):
    """Nine rows from four: the fine model fills c4 to c8 of coarse codes [1, 4, T]."""
    empty = torch.full((1, 5, coarse.shape[2]), 1024)
    return decode(models.fine, torch.cat([coarse, empty], 1), settings=DecodeSettings(passes=passes), seed=seed).codes


clips_player([("decoded by your pass", heard(with_fine(mine.codes)))], title="Your decoder", packing="mp3")

# %% [markdown]
# ## 5. The 36 passes
#
# Here are the 36 passes of the sound from the beginning, pass by pass, and the fine model's two. This is no animation.
# The decoder keeps a [trace](glossary.md#trace), the record of every pass, and each cell is a token that the model
# wrote in that pass. Press *Run the passes*, or step with the arrow keys. Point at a cell to see its token, its
# probability and the pass that settled it. And **listen**: switch the pass while the sound goes on.
#
# Look for three things. Where do the first tokens settle? How long is a token re-drawn before it stays? From which pass
# on does it sound like music, if at all? Section 6 puts numbers to the first two.

# %%
from course_utils.show import decode_scrubber

decode_scrubber(many, codec, DecodeSettings(36), clip=clip, seed=0, title="36 passes", budget=1_150_000)

# %% tags=["nbval-check-output"]
coarse_trace = [record for record in many.trace if record.first == 0]
for number in (1, 2, 12, 24, 35, 36):
    record = coarse_trace[number - 1]
    print(f"pass {number:2d}: asked {int(record.asked):4d} to be open, {int(record.done):4d} are")

# %% [markdown]
# The plan is kept to the token, in every pass. And the prompt?

# %% tags=["nbval-check-output"]
kept = ~prompt.generate
print("prompt unchanged:", bool((many.codes[kept] == codes[kept]).all()))

# %% [markdown]
# Do the tokens settled so far tell the model anything about those that are still open? Other passes have other cells
# open, so take one set of cells, those that stay open until the last pass, and ask in each pass: how many bits would
# the model pay there for the token that settles in the end? And how many for the token of the recording?


# %%
def bits_of(seen, tokens, cells):
    """Bits [N] that the tokens [B, 4, T] cost the coarse model in these cells, bool [B, 4, T], when it sees `seen`."""
    with torch.inference_mode():
        logits = models.coarse(seen)[cells]  # [N, 1024]
    return torch.nn.functional.cross_entropy(logits, tokens[cells], reduction="none") / math.log(2)


last = coarse_trace[-1].seen == 1024
bits = {"settled": [], "recorded": []}
for number in (1, 6, 12, 18, 24, 30, 36):
    for kind, tokens in (("settled", many.codes[:, :4]), ("recorded", codes[:, :4])):
        bits[kind].append(bits_of(coarse_trace[number - 1].seen, tokens, last))
    print(f"pass {number:2d}:", ", ".join(f"{kind} {found[-1].mean():.2f} bits" for kind, found in bits.items()))

# %% [markdown]
# Is that more than luck? We keep to one rule in this lesson: a difference counts from **twice its error** up. (That is
# the standard error of lesson 02. Luck alone gets that far about once in twenty tries, if cells, clips and seeds do not
# depend on one another.) The code decides, not the prose. Here the gain is the bits saved since pass 1.


# %%
def judged(gain, error, more="a gain", less="a loss"):
    """A difference, its standard error, their ratio, and what may be said of it."""
    said = "may be luck" if abs(gain) < 2 * error else more if gain > 0 else less
    return f"{gain:+.3g} ± {error:.2g} ({abs(gain) / max(error, 1e-9):.1f} errors): {said}"


for kind, found in bits.items():
    saved = found[0] - found[-1]  # cell by cell
    print(f"{kind:8s} tokens, {len(saved)} cells:", judged(float(saved.mean()), float(saved.std()) / len(saved) ** 0.5))

# %% [markdown]
# The two lines ask two things. *Settled*: do the tokens agree with each other, as the model sees it? If those settled
# before told nothing, its answer would be the same in every pass, and nothing would be saved. (But for luck this line
# cannot lose: its tokens were drawn from the model's last answer. It shows that the model listens, not that it is
# right.) *Recorded*: do the settled tokens lead to this recording? The one may come without the other. With each token
# that it settles, a decoder writes music of its own, and that music may go on otherwise than the recording did.
#
# ## 6. Which row settles first?
#
# The trace knows when each cell was settled. Write the function that reads it off.

# %% [markdown] exercise="pass_fixed" part="card"
# #### Exercise: When was it settled?
#
# ●●●○○ difficulty 3 of 5 · about 6 minutes
#
# `remasked` is the trace: for each pass, which cells it opened again. `hidden` tells which were open at the start. A
# cell that was never opened again was settled in pass 1. One that was opened again in passes 1 and 2 was settled in
# pass 3. The prompt was there before: 0.


# %% tags=["exercise"] exercise="pass_fixed"
def pass_fixed(remasked, hidden):
    """Pass that settled each cell, 0 for the prompt: bool [passes, C, T] and bool [C, T] -> int64 [C, T]."""
    return None  # your code here


pass_fixed = check("pass_fixed", pass_fixed)

# %% [markdown] exercise="pass_fixed" part="solution"
# <details>
# <summary>Hint</summary>
#
# How often was a cell opened again? `remasked.sum(0)` counts over the passes. What is one more than that?
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def pass_fixed(remasked, hidden):
#     """Pass that settled each cell, 0 for the prompt: bool [passes, C, T] and bool [C, T] -> int64 [C, T]."""
#     return (1 + remasked.sum(0)) * hidden
# ```
#
# One pass for each time it was opened again, and one to settle.
#
# </details>

# %% [markdown]
# The median pass in which the cells of each row were settled, with the noise and without it:


# %%
def settled(trace, hidden):
    return pass_fixed(torch.stack([record.remasked[0] for record in trace]), hidden)


hidden = prompt.generate[0, :4]
calm = decode(models.coarse, codes[:, :4], prompt.generate[:, :4], DecodeSettings(mask_temperature=0.0), seed=0)
maps = {"with noise": settled(coarse_trace, hidden), "without": settled(calm.trace, hidden)}
for name, fixed in maps.items():
    print(f"{name:10s}", {f"c{c}": int(fixed[c][hidden[c]].median()) for c in range(4)})
print("if chance alone decided:", round(36 * float(schedule.inverse_cosine(torch.tensor(0.5)))))

# %%
fig, axes = plt.subplots(2, 1, figsize=(8, 3.6), sharex=True, layout="constrained")
for axis, (name, fixed) in zip(axes, maps.items(), strict=True):
    picture = axis.imshow(fixed[:, :130], aspect="auto", cmap="viridis", interpolation="nearest", vmin=0, vmax=36)
    axis.set(title=name, yticks=range(4), yticklabels=["c0", "c1", "c2", "c3"])
axes[1].set_xlabel("frame (1.5 s of 5)")
fig.colorbar(picture, ax=axes, label="settled in pass")
medians = "; ".join(f"{name}: {[int(fixed[c][hidden[c]].median()) for c in range(4)]}" for name, fixed in maps.items())
figure(fig, f"The pass in which each cell of c0 to c3 was settled. Median by row, {medians}.")

# %% [markdown]
# Nobody tells the decoder where to begin: the ranking goes over all four rows together. With noise, how far are the
# rows from chance? Without it, the ranking is the model's own. Do the rows that it is surest of go first? Here is the
# mean log-probability of the tokens that it drew in pass 1:

# %%
sure = [float(calm.trace[0].probability[0, c][hidden[c]].log().mean()) for c in range(4)]
print({f"c{c}": round(value, 2) for c, value in enumerate(sure)})
by_median = sorted(range(4), key=lambda c: maps["without"][c][hidden[c]].median())
print("surest first:", [f"c{c}" for c in np.argsort(sure)[::-1]], "- settled first:", [f"c{c}" for c in by_median])

# %% [markdown]
# Where the two orders agree, a decode without noise begins with the rows that are easy to guess, and leaves the hard
# ones for the end. With noise, hard tokens are kept from the first pass on. Is that not a pity? The next section asks
# what we get for it.
#
# ## 7. Two temperatures
#
# There are two, and they are easily mixed up. The **[sampling temperature](glossary.md#sampling-temperature)** changes
# which token is *drawn*: the logits are divided by it, so below 1 the likely tokens become likelier. The **mask
# temperature** changes which of the drawn tokens *stay*. (They are not quite apart: the p of the ranking is taken after
# that division.)
#
# Begin with the mask temperature. Cut one second out of the middle, and fill it with and without noise. Look at the
# tokens that settle in the first half of the passes: how many of them are in c0, and how far are they from an edge of
# the hole?

# %%
hole = masks.inpaint_span((1, 4, 258), 1.0, 2.0, codec.frame_rate).generate
inside = torch.where(hole[0, 0])[0]
edge = torch.minimum(torch.arange(258) - inside[0], inside[-1] - torch.arange(258)) + 1  # 1 beside the edge
distance = edge.expand(4, 258)[hole[0]].float()

quiet, noisy = (DecodeSettings(12, mask_temperature=w) for w in (0.0, 10.5))
filled_hole = {chosen: decode(models.coarse, piece[:, :4], hole, chosen) for chosen in (quiet, noisy)}
row_number = torch.arange(4)[:, None].expand(4, 258)[hole[0]]
early = {chosen: settled(run.trace, hole[0])[hole[0]] <= 6 for chosen, run in filled_hole.items()}
for chosen, cells in early.items():
    share, depth = (row_number[cells] == 0).float().mean(), distance[cells].mean()
    print(f"mask temperature {chosen.mask_temperature:4}: {share:.0%} are in c0, mean distance {depth:.1f} frames")
print(f"all cells of the hole: 25% are in c0, mean distance {distance.mean():.1f} frames")

# %% [markdown]
# Chance cares neither for rows nor for edges. As many cells, picked by chance, would miss the figures of all cells by
# about one error. A run that misses them by more than two has favourites:

# %%
in_c0 = (row_number == 0).float()
asked = {"rows": (in_c0, "c0 first", "c0 last"), "edges": (distance, "the middle first", "the edges first")}
for chosen, cells in early.items():
    for what, (value, *words) in asked.items():
        error = float(value.std() / cells.sum().sqrt())
        told = judged(float(value[cells].mean() - value.mean()), error, *words)
        print(f"mask temperature {chosen.mask_temperature:4}, {what:5s}: {told}")

# %% [markdown]
# Favourites without noise, and none with it? Then chance has decided, as section 3 said it would. Watch both runs side
# by side: run A with noise, run B without. (No sound here, to keep this page small.)

# %%
from course_utils.show.scrubber import Run

other = Run(filled_hole[quiet], quiet, "no noise")
decode_scrubber(
    filled_hole[noisy], codec, noisy, label="noise", compare=other, title="A hole of one second", sound=False
)

# %% [markdown]
# Now both temperatures together. We need rulers for a decode. First, [surprise](glossary.md#surprise): cover half of
# the finished tokens, and ask the model how many bits each one would cost it. Low is not good: the dullest music is the
# least surprising. **Near the figure of real music** is good.


# %%
def surprise(codes, where=True, seed=0):
    """Bits per token of codes [B, 4, T] when a random half of them is covered; counted where `where` is true."""
    covered = torch.rand(codes.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    return float(bits_of(codes.masked_fill(covered, 1024), codes, covered & where).mean())


print(f"the recording: {surprise(piece[:, :4]):.2f} bits - all codes at random: ", end="")
print(f"{surprise(torch.randint(0, 1024, (1, 4, 258))):.2f} bits")

# %% [markdown]
# Three more: how many different **codes** are used in c0, how often c0 **repeats** the frame before it, and how many
# tokens **differ** between two seeds, which are decoded as a batch. (The recording stands twice in its batch: nothing
# differs. Its bits are not quite those above, for each copy has another half covered.)


# %%
def rulers(codes, mask):
    repeats = (codes[:, 0, 1:] == codes[:, 0, :-1]).float().mean()
    differ = (codes[0] != codes[1])[mask].float().mean()
    distinct = len(codes[0, 0].unique())
    return f"{surprise(codes):5.2f} bits, {distinct:3d} codes, repeats {repeats:3.0%}, differ {differ:3.0%}"


def two_seeds(settings, mask=sparse.generate):
    return decode(models.coarse, piece[:, :4].expand(2, -1, -1), mask, settings, seed=0).codes


runs = {(t, w): two_seeds(DecodeSettings(12, t, w)) for t in (0.5, 1.0, 1.5) for w in (0.0, 10.5)}
for (t, w), result in runs.items():
    print(f"sampling {t:3}, mask {w:4}: {rulers(result, sparse.generate[0])}")
recording = piece[:, :4].expand(2, -1, -1)
print(f"the recording:           {rulers(recording, sparse.generate[0])}")

# %% [markdown]
# Read the lines in pairs, mask 0 against mask 10.5. Without noise the tokens that stay are those the model is surest
# of, and it is surest of what is common. Each of them makes the next more like itself. Is the result duller than the
# recording?

# %%
goal = surprise(piece[:, :4])
for t in (0.5, 1.0, 1.5):
    calm_bits, noisy_bits = surprise(runs[t, 0.0]), surprise(runs[t, 10.5])
    print(f"sampling {t}: {calm_bits - goal:+.2f} bits from the recording without noise, {noisy_bits - goal:+.2f} with")

# %% [markdown]
# Nearer to 0 is nearer to the recording. The noise is there to let the first passes keep a fair sample of what was
# drawn, instead of the safest part of it. A higher sampling temperature can make up for some of that, but it is another
# knob: it changes what is drawn, in every pass. Hear three of the six:

# %%
corners = ((0.5, 0.0), (1.0, 10.5), (1.5, 10.5))
chosen = [(f"sampling {t}, mask {w}", heard(with_fine(runs[t, w][:1]))) for t, w in corners]
clips_player(
    chosen, title="Two temperatures", source="12 passes, seed 0", packing="mp3", spectrogram=False, budget=150_000
)

# %% [markdown]
# One clip proves little. The course has recorded a table of the same kind, with more passes and more clips. (*Chroma*
# is the similarity of the notes to those of the recording, 1 is perfect. The [Fréchet
# distance](glossary.md#fréchet-distance) compares the statistics of the sound with those of other music; smaller is
# nearer.)

# %%
from course_utils.recorded import read_recording

temperatures = read_recording("temperatures")
print(temperatures.story, "\nclips:", ", ".join(temperatures.numbers["clips"]))
print("sampling  mask  surprise  chroma  Fréchet distance")
for line in temperatures.numbers["tasks"]["vamp"]["rows"]:
    print(f"{line['temperature']:8.1f} {line['mask_temperature']:5.1f} {line['surprise'][0]:9.2f}", end="")
    print(f" {line['chroma'][0]:7.2f} {line['frechet'][0]:9.1f} ± {line['frechet'][1]:.1f}")
real = temperatures.numbers["tasks"]["vamp"]["real"]
print(f"real music {real['surprise'][0]:13.2f} {real['frechet'][0]:17.1f}")

# %% [markdown]
# Which row is nearest to real music by surprise, and which by Fréchet distance? Two rows that differ by less than their
# ± may as well be equal. What do both rulers say of the rows without noise?
#
# **Move it yourself.** The sliders start from this decode, and yours is compared with it:

# %%
start = DecodeSettings(12)
baseline = Run(decode(models.coarse, piece[:, :4], sparse, start, seed=0), start, "start")

# %% [markdown]
# With a kernel, each move of a slider decodes three seconds anew. (Temperatures in tenths.) You see your decode pass by
# pass, run A, beside the start, run B. Below, you hear yours. Move one slider at a time: where do the two part, and in
# which pass?

# %%
from IPython.display import display

from course_utils.show import live


def decoded_by(passes, sampling, mask, seed):
    settings = DecodeSettings(passes, sampling / 10, mask / 10)
    made = decode(models.coarse, piece[:, :4], sparse, settings, seed=seed)
    beside = {"label": "yours", "seed": seed, "compare": baseline, "sound": False}
    display(decode_scrubber(made, codec, settings, title="Yours beside the start", **beside))
    title = f"{passes} passes, sampling {sampling / 10}, mask {mask / 10}, seed {seed}: {surprise(made.codes):.2f} bits"
    return clips_player([(title, heard(with_fine(made.codes)))], title="Your decode")


live(decoded_by, passes=(1, 72, 12), sampling=(0, 20, 10), mask=(0, 200, 105), seed=(0, 99, 0))

# %% [markdown]
# ## 8. Does the curve matter?
#
# Cosine, straight line, and two curves without good reason: one drawn at random, and the cosine's opposite (*hasty*),
# which settles many tokens at first and few at the end. Twelve passes, two seeds each.

# %%
curves["hasty"] = lambda r: 1 - schedule.cosine(1 - r)
by_curve = {}
for name, gamma in curves.items():
    result = two_seeds(DecodeSettings(12, gamma=gamma))
    by_curve[name] = [surprise(result[b : b + 1]) for b in range(2)]
    first = fixed_counts(1000, 12, gamma)[0]
    print(f"{name:7s} settles {first:3d} of 1000 in pass 1: {by_curve[name][0]:.2f} and {by_curve[name][1]:.2f} bits")
print(f"the recording: {goal:.2f} bits")

# %% [markdown]
# Compare two differences: from curve to curve, and from seed to seed on the same curve. As long as the first is not
# more than twice the second, this clip cannot tell the curves apart, and no curve has won.

# %%
mean_bits = {name: np.mean(values) for name, values in by_curve.items()}
between = max(mean_bits.values()) - min(mean_bits.values())
within = np.mean([abs(a - b) for a, b in by_curve.values()])
print(f"between curves {between:.2f} bits, between seeds {within:.2f} bits")
nearest = min(mean_bits, key=lambda name: abs(mean_bits[name] - goal))
print("nearest to the recording:", nearest if between > 2 * within else "this clip cannot tell")

# %% [markdown]
# So the course has recorded the same four curves with more clips. Surprise and Fréchet distance are to come near the
# figures of real music. The *mel distance* says how far the sound is from the recording: 0 is the same sound.

# %%
shapes = read_recording("schedules")
print(shapes.story, "\nclips:", ", ".join(shapes.numbers["clips"]))
by_shape, shape_rulers = shapes.numbers["tasks"]["vamp"], ("surprise", "frechet", "mel")
print("curve   ", "".join(f"{ruler:>18s}" for ruler in shape_rulers))
for line in by_shape["rows"]:
    print(f"{line['schedule']:8s}", "".join(f"{line[ruler][0]:9.3f} ± {line[ruler][1]:6.3f}" for ruler in shape_rulers))
shape_goals = by_shape["real"] | {"mel": [0.0, 0.0]}
print("real    ", "".join(f"{shape_goals[ruler][0]:9.3f}         " for ruler in shape_rulers))

# %% [markdown]
# Clips differ, and that is in the errors above. But every clip was filled with all four curves. So compare clip by
# clip: is the cosine nearer to real music, or to the recording, than another curve is? The error is that of the
# difference.

# %%
cosine, *others = by_shape["rows"]
for ruler in shape_rulers:
    for line in others:
        far, near = (abs(row[ruler][0] - shape_goals[ruler][0]) for row in (line, cosine))
        told = judged(far - near, line["change"][ruler][1], "the cosine is nearer", "the cosine is farther")
        print(f"{ruler:8s} against {line['schedule']}: {told}")

# %% [markdown]
# Nine lines, and luck alone passes two errors about once in twenty: one line by itself is little evidence. A curve that
# wins or loses by several rulers says more.
#
# The reason for the cosine is the one of section 1: tokens settled in the same pass do not know of each other, so
# settle few while little is known. How much that is worth depends on how much the model knows about what goes with
# what.
#
# ## 9. Coarse before fine
#
# The fine model fills c4 to c8 once c0 to c3 are finished. Why in this order, and not all nine at once? Give it the
# coarse rows that belong to the sound, then coarse rows that belong to another moment of it, and ask for the true fine
# codes.


# %%
def fine_surprise(coarse, fine):
    with torch.inference_mode():
        logits = models.fine(torch.cat([coarse, torch.full_like(fine, 1024)], dim=1))  # [1, 5, T, 1024]
    return float(torch.nn.functional.cross_entropy(logits.transpose(1, 3).transpose(2, 3), fine)) / math.log(2)


c, f = piece[:, :4], piece[:, 4:]
print(f"with its own coarse rows: {fine_surprise(c, f):.2f} bits per fine token")
print(f"with those of a second earlier: {fine_surprise(c.roll(86, dims=2), f):.2f} bits")

# %% [markdown]
# The difference shows how much the fine model goes by the coarse rows: it has learned which corrections go with what.
# (Above the 10 bits of a blind guess, the wrong rows have misled it.) So a fine code is best guessed when its coarse
# codes are settled, and that is the reason for the order.
#
# And how many fine passes are needed? The fine model gets the true coarse rows. How far is the sound then from the
# recording?

# %%
from course_utils.audio import mel_distance

target = heard(piece)
bare = codec.decode(piece, levels=4)[0, 0].numpy()
print(f"no fine stage:   mel distance {mel_distance(bare, target):.3f}")
for passes in (1, 2, 12):
    sound = heard(with_fine(piece[:, :4], passes))
    print(f"{passes:2d} fine passes:  mel distance {mel_distance(sound, target):.3f}")

# %% [markdown]
# Are two passes about as good as twelve? Then fine tokens have little to tell each other. Are twelve clearly better?
# Then two save time at a price. Is the first line no larger than the others? Then a wrong detail costs at least as much
# as a missing one. (One clip, one seed: small differences mean little.)

# %% [markdown]
# > **Read the source: two fixed fine passes.** In the released code the number of passes that you ask for goes to the
# > coarse model alone. The fine model always runs 2 passes<!-- fact: VAMPNET_FINE_PASSES -->. `generate` does the same
# > unless you say otherwise:

# %% tags=["nbval-check-output"]
short = codes[:, :, :43]
for passes in (4, 36):
    trace = generate(models, short, settings=DecodeSettings(passes)).trace
    stages = [sum(record.first == first for record in trace) for first in (0, 4)]
    print(f"asked for {passes:2d} passes: {stages[0]} coarse, {stages[1]} fine")

# %% [markdown]
# ## 10. 1, 4, 8, 12, 36, 64, 72 passes
#
# These are the numbers that the paper tries. Here they are on three seconds of guitar: time, surprise, the share of the
# open tokens that come out as in the recording, and the sound. **Predict**: from which number on do you stop hearing a
# difference? And which of the figures will move?

# %%
from course_utils import facts

takes, opened = {}, sparse.generate
for passes in facts.VAMPNET_PASSES_SWEPT:
    began = time.perf_counter()
    result = decode(models.coarse, piece[:, :4], opened, DecodeSettings(passes)).codes
    seconds = time.perf_counter() - began
    right = (result == piece[:, :4])[opened].float().mean()
    takes[passes] = heard(with_fine(result))
    print(f"{passes:2d} passes: {seconds:5.2f} s, surprise {surprise(result):5.2f} bits, as recorded {right:.1%}")
print(f"the recording:     surprise {surprise(piece[:, :4]):5.2f} bits")

# %%
rows = [("the recording", target)] + [(f"passes: {passes}", sound) for passes, sound in takes.items()]
clips_player(
    rows, title="1 to 72 passes", source="course models, seed 0", packing="mp3", spectrogram=False, budget=320_000
)

# %% [markdown]
# Again one clip and one seed. The course has recorded the same sweep with more of both, and with six rulers. Two ask
# whether the result is like **music**: surprise and Fréchet distance, which are to reach the figures of real music.
# Four ask whether it is **this piece**. For the mel distance 0 is perfect. For the others it is 1: chroma, *onset* (do
# notes begin at the same moments?) and [agreement](glossary.md#agreement), the share of the generated coarse tokens
# that are the piece's own. *Time* is in units of one pass.

# %%
sweep = read_recording("passes")
measures = ("surprise", "frechet", "mel", "chroma", "onset", "agreement")
same = {"mel": [0.0, 0.0], "chroma": [1.0, 0.0], "onset": [1.0, 0.0], "agreement": [1.0, 0.0]}
goals = {task: table["real"] | same for task, table in sweep.numbers["tasks"].items()}
print(sweep.story, "\nclips:", ", ".join(sweep.numbers["clips"]))
for task, table in sweep.numbers["tasks"].items():
    print(f"\n{task}: {table['says']}\npasses   time", "".join(f"{ruler:>10s}" for ruler in measures))
    for line in table["rows"]:
        print(f"{line['passes']:4d} {line['time'][0]:7.1f}x", "".join(f"{line[ruler][0]:10.3f}" for ruler in measures))
    print("to reach     ", "".join(f"{goals[task][ruler][0]:10.3f}" for ruler in measures))
print(f"\nagreement by luck: {1 / 1024:.3f}")

# %%
fig, axes = plt.subplots(2, 3, figsize=(8, 4.6), layout="constrained")
said = []
for axis, ruler in zip(axes.flat, measures, strict=True):
    for (task, table), mark in zip(sweep.numbers["tasks"].items(), "os", strict=True):
        labels = [str(line["passes"]) for line in table["rows"]]
        mean, error = zip(*[line[ruler] for line in table["rows"]], strict=True)
        axis.errorbar(labels, mean, error, marker=mark, markersize=4, label=task, capsize=2)
        if ruler in table["real"]:
            axis.axhline(table["real"][ruler][0], color="gray", linestyle="--")
        said.append(f"{task}, {ruler}: {mean[0]:.3g} at {labels[0]}, {mean[-1]:.3g} at {labels[-1]}")
    axis.set(xlabel="passes", title=ruler)
axes[0, 0].legend()
figure(fig, f"Six rulers by number of passes, course models, mean and standard error. {'; '.join(said)}.")

# %% [markdown]
# Dashed lines are real music. From how many passes on is a curve flat, within its error bars? And does the column
# *time* grow as fast as the number of passes? (*Agreement by luck* is a blind guesser's. One who knows which codes are
# common agrees more often.)
#
# By how much do 36 passes come nearer to what is to be reached than one pass does? As in section 8 we compare clip by
# clip, and count a gain from twice its error up.

# %%
for task, table in sweep.numbers["tasks"].items():
    by_passes = {line["passes"]: line for line in table["rows"]}
    for ruler in measures:
        far, near = (abs(by_passes[n][ruler][0] - goals[task][ruler][0]) for n in (1, 36))
        print(f"{task:8s} {ruler:9s}:", judged(far - near, by_passes[36]["change"][ruler][1]))

# %% [markdown]
# Which lines say *a gain*? The rulers are of two kinds, and only one of them has much to gain. Tokens that know of each
# other fit together better, and a ruler that asks for music can see that. But no pass brings back what was covered.
# Where the prompt leaves many continuations open, a sampler draws one of them. To draw the recorded one would be luck,
# after 36 passes as after one. So do not expect much of the last four, even with a better model, and least of
# agreement. Where they do gain, the prompt has told the model something of what stood there. (Or it is luck: of so many
# lines, one may just pass two errors by chance.)
#
# And mind who judges. Surprise is the model's opinion of its own work: it may like its own habits, and cannot see its
# own errors. The Fréchet distance is taken from the sound and does not ask the model.
#
# *May be luck* says: this ruler and these clips cannot tell whether the model gains from more passes. The paper finds
# the lowest Fréchet distance at 36 passes<!-- fact: VAMPNET_PASSES -->, with a far larger model and far more music. (It
# describes sound in another way, so its figures cannot be compared with ours.) The toy of section 1 gained too, because
# its table knew exactly which notes go together. Passes hand knowledge from token to token. They cannot hand on more
# than the model has.
#
# To measure it anew with your own models (some minutes), remove the `#`:

# %%
from course_utils.recorded import make_recording

# sweep = make_recording("passes")

# %% [markdown]
# ## 11. One token at a time
#
# A language model writes one token per step, each with all earlier ones known. For
# 10 s<!-- fact: VAMPNET_CLIP_SECONDS --> of music the paper counts 574 steps<!-- fact: VAMPNET_TOKEN_BY_TOKEN_10S -->,
# one per frame of its tokeniser. The course codec has more frames. And a step per *token* of the four coarse rows is
# four times as many.

# %% tags=["nbval-check-output"]
frames = codec.frames(10 * 44100)
print(f"a step per frame: {frames}, per coarse token: {4 * frames}, VampNet: {facts.VAMPNET_PASSES.value} + 2")

# %% [markdown]
# With the straight-line schedule, as many passes as open tokens, and no noise in the ranking, our decoder writes one
# token a pass too, though not from left to right: the surest comes first. The gap is half a second in the middle of 1.5
# seconds.


# %%
def one_by_one(r):
    return (schedule.linear(r) + 1e-4).clamp(max=1)  # a hair more, lest 32 bits round a count down


small, gap = codes[:, :4, :129], masks.inpaint_span((1, 4, 129), 0.5, 1.0, codec.frame_rate)
n_open, seeds = int(gap.generate.sum()), 8
copies, holes = small.expand(seeds, -1, -1), gap.generate.expand(seeds, -1, -1)

# %% [markdown]
# Beside it stands the same with 12 passes, and one token a pass with the usual noise. Several seeds are decoded as a
# batch. The bits count the tokens in the gap alone, and the error is over the seeds:

# %%
bits_by = {}
for passes, noise in ((12, 0.0), (n_open, 0.0), (n_open, 10.5)):
    began = time.perf_counter()
    result = decode(models.coarse, copies, holes, DecodeSettings(passes, mask_temperature=noise, gamma=one_by_one))
    seconds = time.perf_counter() - began
    most = max(int(record.kept.sum((1, 2)).max()) for record in result.trace)
    bits = np.array([surprise(one[None], gap.generate) for one in result.codes])
    bits_by[passes, noise] = bits.mean(), bits.std(ddof=1) / seeds**0.5
    print(f"{passes:3d} passes, noise {noise:4.1f}: at most {most:2d} tokens a pass, {seconds:.1f} s, ", end="")
    print(f"{bits.mean():.2f} ± {bits_by[passes, noise][1]:.2f} bits ({seeds} seeds)")
print(f"the recording in the gap: {surprise(small, gap.generate):.2f} bits")

# %%
(few, few_error), (single, single_error), (noisy, noisy_error) = bits_by.values()
told = judged(single - few, math.hypot(few_error, single_error), "more bits", "fewer bits")
print(f"without noise, one a pass against 12 passes: {told}")
told = judged(noisy - single, math.hypot(noisy_error, single_error), "more bits", "fewer bits")
print(f"one a pass, with noise against without: {told}")

# %% [markdown]
# Fewer bits are not better by themselves: compare with the recording. Without noise the surest tokens go first, and
# section 7 asked what that does to those that follow. One a pass is the strictest choice: of all draws only the surest
# stays, and the others are drawn again. With noise in the ranking, chance chooses too. Which of the three comes nearest
# to the recording?
#
# Ten seconds would need many more passes, and each looks at all 862 frames. How long would it take here?

# %%
blank = torch.full((1, 4, 862), 1024)
began = time.perf_counter()
decode(models.coarse, blank, settings=DecodeSettings(2))
a_pass = (time.perf_counter() - began) / 2
print(f"a pass over 10 s: {a_pass:.2f} s; 36 of them: {36 * a_pass:.0f} s; 3448: {3448 * a_pass / 60:.0f} min")

# %% [markdown]
# (A causal model may keep what it computed for earlier frames and pay less per step. Lesson 07 does that. A model that
# looks both ways cannot: every new token changes what all the others see.)
#
# ## 12. Read the source
#
# Two more places where VampNet's released code does not do what one expects of it. Ours can do either: `compat=True`
# behaves as released.
#
# **The typical filter.** Typical filtering drops tokens that are unusually likely or unlikely, before the draw. The
# released function returns a *new* tensor. Its caller does not take it. In miniature:


# %% tags=["nbval-check-output"]
def filtered(logits):
    return logits.masked_fill(logits < 0, -torch.inf)  # a new tensor; the old one stays


scores = torch.tensor([1.0, -2.0, 0.5])
filtered(scores)  # the caller's line: the result goes nowhere
print(scores.tolist())

# %% [markdown]
# So in the released code the switch has no effect. In our decoder:

# %% tags=["nbval-check-output"]
plain = decode(models.coarse, small, gap, DecodeSettings(4)).codes
for compat in (True, False):
    result = decode(models.coarse, small, gap, DecodeSettings(4, typical_mass=0.2, compat=compat)).codes
    print("as released" if compat else "working", "- changes the result:", bool((result != plain).any()))

# %% [markdown]
# **The sum over the batch.** At the start the released code counts the open tokens, of *all clips of the batch
# together*. From that number it reads how many each clip may keep open.

# %% [markdown] exercise="open_tokens" part="card"
# #### Exercise: The schedule of a batch
#
# ●●●○○ difficulty 3 of 5 · about 4 minutes
#
# Four clips with 400 open tokens each are decoded as one batch in 12 passes. The released code reads the cosine off
# the sum, 1,600, and caps it at one fewer than the clip has open now. How many tokens of one clip are still open after
# pass 6 of 12?

# %% tags=["exercise"] exercise="open_tokens"
open_tokens = None  # your answer here
open_tokens = check("open_tokens", open_tokens)

# %% [markdown] exercise="open_tokens" part="solution"
# <details>
# <summary>Hint</summary>
#
# The cosine at one half is 0.707. How many does it ask for, and how many can there be at most after 6 passes that
# settle at least one each?
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# open_tokens = 394
# ```
#
# The sum asks for 1,131 open tokens, the clip has only 400, so each pass settles one: 400 - 6.
#
# </details>

# %% [markdown]
# See it happen, with four copies of the gap of section 11, in 12 passes. How many of the first clip's tokens are open
# after each?

# %%
late = {}
for clips in (1, 4):
    copies = small.expand(clips, -1, -1)
    trace = decode(models.coarse, copies, gap.generate.expand(clips, -1, -1), DecodeSettings(12, compat=True)).trace
    late[clips] = [int(record.done[0]) for record in trace]
    print(f"batch of {clips}:", late[clips])

# %% tags=["nbval-check-output"]
for clips in (1, 4):
    print(f"batch of {clips}: the last two of 12 passes settle {late[clips][9]} of {n_open} tokens")

# %% [markdown]
# The plan is late: most tokens wait for the last passes, and those that settle together do not know of each other. In
# our decoder every clip has its own plan, and so the result that it has alone:

# %%
alone = decode(models.coarse, small, gap, DecodeSettings(4), seed=0).codes
batch = decode(models.coarse, small.expand(3, -1, -1), gap.generate.expand(3, -1, -1), DecodeSettings(4), seed=0).codes
print(f"first of three against alone: {(batch[:1] == alone).float().mean():.0%} the same")

# %% [markdown]
# > **Paper, article, released code.** How do 36 passes split between coarse and fine?
# >
# > - *Paper:* tries 1 to 72 and finds 36 passes<!-- fact: VAMPNET_PASSES --> best,
# >   12<!-- fact: VAMPNET_PASSES_COMPARABLE --> comparable, and 24<!-- fact: VAMPNET_PASSES_FAIR --> a fair trade-off.
# >   It does not say how they split.
# > - *Article:* 36 passes, for everything.
# > - *Released code:* 12 passes<!-- fact: VAMPNET_CODE_PASSES --> of the coarse model by default,
# >   36<!-- fact: VAMPNET_PASSES_APP --> in its app. Always 2 passes<!-- fact: VAMPNET_FINE_PASSES --> of the fine
# >   model.
# > - *Here:* 36 coarse and 2 fine, and both are yours to choose.
#
# ## 13. Listening test
#
# 4 passes or 36? First listen with labels in the player of section 10. What do you think: how many of ten will you get
# right? Then press *Start the blind test*. Both are made equally loud.

# %%
four, best = (takes[passes][: 3 * 22050] for passes in (4, 36))
four = four * (best.std() / four.std())
clips_player([("4 passes", four), ("36 passes", best)], title="A, B, X", abx=(0, 1), spectrogram=False, budget=210_000)

# %% [markdown]
# <details><summary>How to read your score</summary>
#
# Guessing gives five of ten on average. Nine or ten right would happen by luck about once in a hundred tries. But mind
# the question: the test asks whether they *differ*, and two decodes always differ, because other tokens were drawn. To
# ask which is *better*, you need many pairs and many listeners.
#
# </details>
#
# ## What you can do now
#
# - **Carry out** one pass by hand: ask, sample, rank, keep, open again.
# - **Compute** from tokens and passes how many stay open after each, and spot where 32 bits round another way.
# - **Write** a pass of the decoder that does what the library's does, token by token.
# - **Tell** the sampling temperature from the mask temperature, and show what each does.
# - **Read** a trace: when was each cell settled, and how sure was the model?
# - **Measure** what more passes give and cost, and say where this model stops gaining.
#
# ## To discuss
#
# 1. (10 min) The noise keeps unlikely tokens in the first passes, and they are never opened again. Should a decoder be
#    able to take tokens back? How would you change `decode_pass`?
# 2. (10 min) Surprise is measured by the same model that wrote the tokens. What can it not see? What could you measure
#    instead?
# 3. (5 min) A demo was made with a batch of four clips and the released code. What would you expect to hear?
# 4. (10 min) You have 38 passes. How would you split them between coarse and fine, and how would you find out?
#
# <details><summary>For whoever leads the discussion</summary>
#
# 1. A settled token never leaves, so an early accident becomes part of the prompt. Re-masking settled tokens that have
#    become unlikely is one way; it costs passes. Try it: `decode(..., step=...)` takes any function.
# 2. It cannot see that the model itself is wrong: what fits its habits costs little, good or not. Lesson 02's
#    baselines, the Fréchet distance and listeners are other witnesses.
# 3. The last passes fill most of the tokens together: closer to the 1-pass sound than to the 36-pass one.
# 4. Section 9 has half of the answer. Let people name the ruler before they turn the knob.
#
# </details>
#
# ## Where this comes from
#
# - Iterative parallel decoding and the cosine schedule: MaskGIT (arXiv 2202.04200), section 3.2.
# - VampNet (arXiv 2307.04686): sampling, mask temperature and number of passes.
# - The passes' library: `course_utils/vampnet/decoding.py`, `schedule.py` and `sampling.py`, checked against the
#   released code in `tests/conformance`.
# - The course models' recipe and figures: `data/models/vampnet-coarse/card.md`.

# %% [markdown] made="next"
# **Next:** [04 · Prompting with masks](04_prompting_with_masks.ipynb). After it you can vary, extend and repair a
# recording by choosing what to cover, and measure how much of it comes back.

# %%
from course_utils.show.frame import downloads

downloads({"thirty_six_passes.flac": takes[36][: 2 * 44100]})

# %%
from course_utils.show.frame import reproducibility

reproducibility(seed=0, models=["course-codec", "vampnet-coarse", "vampnet-fine"])
