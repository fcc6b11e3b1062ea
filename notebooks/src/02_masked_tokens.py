# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   two_poles:
#     data: [clips, midi/freedoom, models/course-codec, models/vampnet-causal, models/vampnet-coarse,
#       models/vampnet-fine, soundfont]
# ---

# %% [markdown] made="header"
# # 02 · Masked tokens
#
# **After this lesson you can** train a model that fills gaps, and prove that it looks both ways.
#
# 45 minutes to read, 76 with the exercises · builds on: lesson 01
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/02_masked_tokens.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/02_masked_tokens.ipynb

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

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercises.lesson02 import check
from course_utils.show.frame import set_up
from course_utils.vampnet import DecodeSettings, generate, load_causal, load_vampnet, masks, schedule

codec = set_up("02", model="course", seed=0)
models = load_vampnet("course", codec=codec)

# %% [markdown]
# **Hear it first.** Four seconds of guitar, as codes. We lose half of all codes, here and there, and put random codes
# in their places. Then we hand the same gaps to the model of this lesson, and it fills them from what is left.

# %%
from course_utils import demo_clip
from course_utils.show import clips_player

guitar = demo_clip("guitar")
codes = codec.encode(guitar.samples[: 4 * 44100])  # [1, 9, 345]
lost = masks.random_ratio(codes.shape, 0.5, seed=0)
noise = torch.randint(1024, codes.shape, generator=torch.Generator().manual_seed(0))
filled = generate(models, codes, lost, DecodeSettings(passes=12), seed=0).codes


def heard(codes):
    return codec.decode(codes)[0, 0].numpy()


sounds = {"all codes": codes, "half replaced by noise": lost.merge(codes, noise), "half filled in": filled}
clips_player(
    [(name, heard(grid)) for name, grid in sounds.items()],
    title="Half of the codes are gone",
    source="course models, seed 0",
)

# %% tags=["nbval-check-output"]
kept = ~lost.generate
print(codes.numel(), "codes; the kept ones came through unchanged:", torch.equal(filled[kept], codes[kept]))

# %% [markdown]
# With a kernel, choose how much to lose. From how many per cent on does the model begin to invent music of its own?

# %%
from course_utils.show import live


def lose(percent):
    mask = masks.random_ratio(codes.shape, percent / 100, seed=0)
    again = generate(models, codes, mask, DecodeSettings(passes=12), seed=0).codes
    return clips_player([("noise", heard(mask.merge(codes, noise))), (f"{percent} % filled in", heard(again))])


live(lose, percent=(10, 95, 80))

# %% [markdown]
# Filling gaps is all that VampNet does. This lesson shows how it learns that, and proves what it looks at. How the gaps
# are filled, pass by pass, is lesson 03.
#
# ## 1. A hole in a row
#
# Here are eight codes: codebook c0, eight frames from the middle of the clip.

# %%
row = codes[0, 0, 200:208]
row.tolist()

# %% [markdown]
# We cover the fourth. The cover is a number too, one that no codebook uses: 1024, the one after the last entry. It is
# called [[MASK]](glossary.md#mask-token), the **mask token**. (To a model that reads codes, a code is a token.)

# %% tags=["nbval-check-output"]
MASK = codec.codebook_size
question = row.clone()
question[3] = MASK
print("the fourth code is now", question[3].item(), "- codes run from 0 to", MASK - 1)

# %% [markdown]
# Which code was it? Without any idea, each of the 1024 is equally likely, and the right answer has this probability:

# %% tags=["nbval-check-output"]
p = 1 / 1024
print(f"probability {p:.6f}, which costs {-math.log2(p):.0f} bits")

# %% [markdown]
# Minus log2 of the probability that a guesser gave to the right answer is its **cost** in bits. Certain and right: 0
# bits. Half sure: 1 bit. (The [entropy](glossary.md#entropy) of lesson 01 is this cost on average, for a guesser who
# knows how often each code occurs.)
#
# Now the model. VampNet is two networks, a [coarse](glossary.md#coarse) and a [fine](glossary.md#fine) one; section 5
# tells why. The coarse one reads c0 to c3 only. So we give it a grid of 4 x 8, and cover c1 to c3 entirely.

# %%
grid = torch.full((1, 4, 8), MASK)
grid[0, 0] = question
grid[0]

# %% [markdown]
# It answers with 1024 [logits](glossary.md#logit) for **every** cell of the grid, asked or not: one number for each
# code, higher for likelier.

# %% tags=["nbval-check-output"]
with torch.inference_mode():
    logits = models.coarse(grid)
print(list(logits.shape), "- clip, codebook, frame, code")

# %% [markdown]
# [Softmax](glossary.md#softmax) turns them into probabilities: raise e to each, and divide by the sum.

# %%
scores = logits[0, 0, 3].exp()
p = scores / scores.sum()
right = row[3]
print(f"sum of all {p.sum():.3f}; the right code {right} has {p[right]:.4f}, which costs {-p[right].log2():.2f} bits")

# %% [markdown]
# More than ten bits? Then the model would have done better to guess blindly. Less? Then something in the seven codes
# around the gap helped. One cell proves little either way. So let it see the whole clip, and ask about every frame
# once: in eight turns, every eighth frame a turn.
#
# The function below serves for the whole lesson. Its shapes are B clips, T frames, and C' codebooks that the network
# predicts.

# %%
coarse_codes = codes[:, :4]  # c0 to c3, [1, 4, 345]
turn = torch.arange(8)[:, None, None]
asked = (torch.arange(345) % 8 == turn).expand(8, 4, 345)


@torch.inference_mode()
def cost(network, codes, mask, hidden=None):
    """Bits that the network needs for each predicted code, [B, C', T]; `hidden` is covered as well, but not asked."""
    covered = mask if hidden is None else mask | hidden
    log_p = network(codes.masked_fill(covered, MASK)).log_softmax(-1)
    answers = codes[:, network.config.conditioning :, :, None]
    return -log_p.gather(-1, answers)[..., 0] / math.log(2)


# %%
eight = coarse_codes.expand(8, 4, 345)
upper_rows = torch.zeros_like(asked)
upper_rows[:, 1:] = True
everything = torch.ones_like(asked)
for name, hidden in [("nothing", everything), ("c0 around the gap", upper_rows), ("c0 to c3 around it", None)]:
    bits = cost(models.coarse, eight, asked, hidden)[:, 0][asked[:, 0]]
    print(f"the model sees {name:18s}: {bits.mean():5.2f} bits a code of c0")

# %% [markdown]
# **The context is worth bits**: the difference between the first row and the others says how many. In the first row the
# model sees no code at all, and can only know which codes are common.
#
# That is the whole bet of this road to music: codes can be guessed, a little, from the codes around them. Not with
# certainty. Each bit saved halves the number of codes to choose from, and at b bits there are still 2 to the power of b
# of them.

# %% [markdown] exercise="hide_codes" part="card"
# #### Exercise: Hide codes
#
# ●○○○○ difficulty 1 of 5 · about 3 minutes
#
# Put [MASK], the number 1024, wherever the mask is true. Leave the codes that you were given as they are: the answers
# are still needed.


# %% tags=["exercise"] exercise="hide_codes"
def hide_codes(codes, mask):
    """Codes int64 [C, T] with the number 1024 wherever the mask, bool [C, T], is true."""
    return None  # your code here


hide_codes = check("hide_codes", hide_codes)

# %% [markdown] exercise="hide_codes" part="solution"
# <details>
# <summary>Hint</summary>
#
# `torch.where(condition, a, b)` takes a where the condition is true, and b elsewhere.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def hide_codes(codes, mask):
#     """Codes int64 [C, T] with the number 1024 wherever the mask, bool [C, T], is true."""
#     return torch.where(mask, 1024, codes)
# ```
#
# 1024 where the mask is true, the code itself elsewhere.
#
# </details>

# %% [markdown]
# ## 2. The loss, on masked positions only
#
# To learn, a model needs one number to push down, the [loss](glossary.md#loss). By hand, for a tiny model with one
# codebook and four codes instead of 1024: its logits for three frames, the right codes, and what was masked.

# %%
tiny_logits = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]])
tiny_codes = torch.tensor([0, 3, 2])
tiny_mask = torch.tensor([True, True, False])

# %% tags=["nbval-check-output"]
tiny_bits = []
for frame in range(3):
    p = tiny_logits[frame].softmax(0)[tiny_codes[frame]]
    tiny_bits.append(-math.log2(p))
    print(f"frame {frame}: p = {p:.3f}, {tiny_bits[frame]:.3f} bits", "" if tiny_mask[frame] else "(was not masked)")

# %% [markdown]
# The third is nearly free, but it was no question: the code stood there for the model to read. So it does not count.

# %% tags=["nbval-check-output"]
print(f"loss: {(tiny_bits[0] + tiny_bits[1]) / 2:.3f} bits")

# %% [markdown]
# Now all at once. `tiny_mask` picks the masked rows. The mean cost is called the
# [cross-entropy](glossary.md#cross-entropy). PyTorch gives it in **nats**, with natural logarithms; dividing by ln 2
# gives bits.

# %% tags=["nbval-check-output"]
loss = F.cross_entropy(tiny_logits[tiny_mask], tiny_codes[tiny_mask]) / math.log(2)
print(f"loss: {loss:.3f} bits")

# %% [markdown] exercise="masked_bits" part="card"
# #### Exercise: The loss on masked positions only
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# Write the loss for a whole grid: the mean of minus log2 of the right code's probability, over the masked cells and no
# others.


# %% tags=["exercise"] exercise="masked_bits"
def masked_bits(logits, codes, mask):
    """Mean of -log2 p(right code) over the masked cells: logits [C, T, K], codes int64 [C, T], mask bool [C, T]."""
    return None  # your code here


masked_bits = check("masked_bits", masked_bits)

# %% [markdown] exercise="masked_bits" part="solution"
# <details>
# <summary>Hint</summary>
#
# `logits.log_softmax(-1)` gives natural logarithms of the probabilities; divide by `math.log(2)` for bits.
# `x.gather(-1, codes[..., None])[..., 0]` picks the right code's value in each cell, and `x[mask]` keeps the masked
# cells.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def masked_bits(logits, codes, mask):
#     """Mean of -log2 p(right code) over the masked cells: logits [C, T, K], codes int64 [C, T], mask bool [C, T]."""
#     log_p = logits.log_softmax(-1) / math.log(2)
#     bits = -log_p.gather(-1, codes[..., None])[..., 0]  # [C, T]
#     return bits[mask].mean()
# ```
#
# The known cells take no part: the answer to them is in the question.
#
# </details>

# %% [markdown]
# The course's own loss agrees, the one that its models were trained with. (It is in nats. In training it had one more
# ingredient, [label smoothing](glossary.md#label-smoothing), which section 6 explains. Here that is off.)

# %%
from course_utils.train.masked import MaskedLoss

half = torch.rand(coarse_codes.shape, generator=torch.Generator().manual_seed(1)) < 0.5
with torch.inference_mode():
    logits = models.coarse(coarse_codes.masked_fill(half, MASK))
    theirs = MaskedLoss(models.coarse, label_smoothing=0.0)(coarse_codes, half) / math.log(2)
ours = masked_bits(logits[0], coarse_codes[0], half[0])
print(f"ours {ours:.3f} bits, the course's {theirs:.3f} bits")

# %% tags=["nbval-check-output"]
print("they agree to 0.001 bit:", bool((ours - theirs).abs() < 1e-3))

# %% [markdown]
# **Why not count every cell?** Meet a cheat. Where it sees a code, it says that code. Where it sees [MASK], it has no
# idea. It has learned nothing about music. Score it at 20 % masked, both ways.

# %% tags=["nbval-check-output"]
few = torch.rand(coarse_codes.shape, generator=torch.Generator().manual_seed(2)) < 0.2
seen = hide_codes(coarse_codes[0], few[0])
cheat = 20.0 * F.one_hot(seen, 1025)[..., :1024].float()  # logits [4, 345, 1024], all 0 where [MASK] stands
every = torch.ones_like(few[0])
print(f"all cells:    {masked_bits(cheat, coarse_codes[0], every):.2f} bits a code")
print(f"masked cells: {masked_bits(cheat, coarse_codes[0], few[0]):.2f} bits a code")

# %% [markdown]
# Over all cells the cheat looks like a master. Over the masked cells it pays ten bits, as it should. And a loss on
# masked cells does not judge the other answers at all. Proof: the [gradient](glossary.md#gradient), which says how the
# loss changes with each logit, is zero at every known cell.

# %% tags=["nbval-check-output"]
leaf = logits[0].clone().requires_grad_()
F.cross_entropy(leaf[half[0]], coarse_codes[0][half[0]]).backward()
touched = (leaf.grad != 0).any(-1)
same = torch.equal(touched, half[0])
print("cells with a gradient:", int(touched.sum()), "- masked cells:", int(half.sum()), "- the same ones:", same)

# %% [markdown]
# So what does our model say about cells that it can see? Nobody ever asked it. Predict, then run.

# %%
right = logits[0].argmax(-1) == coarse_codes[0]
for name, cells in [("masked", half[0]), ("known", ~half[0])]:
    print(f"right at {name} cells: {right[cells].float().mean():.1%}")

# %% [markdown]
# <details><summary>What does that mean?</summary>
#
# Whatever it says there is a by-product: no loss ever judged it. The decoder does not use it either: a known code stays
# what it is. If the second figure is not 100 %, you have seen a network fail to repeat a number that stands before its
# eyes, because it was only ever taught to fill gaps.
#
# </details>
#
# ## 3. How much to hide
#
# Hide one code of a hundred, and the others tell all that they can. Hide every code, and the model can only know which
# codes are common. In training, VampNet meets everything between, by a rule called the
# [schedule](glossary.md#schedule), written gamma: draw a number r, evenly from 0 to 1, and hide the share gamma(r) of
# the codes. VampNet's gamma is a quarter of a cosine wave. By hand, for r = 1/2:

# %% tags=["nbval-check-output"]
print(f"cos(pi / 4) = {math.cos(math.pi * 0.5 / 2):.4f}")

# %% [markdown] exercise="mask_ratio" part="card"
# #### Exercise: The cosine schedule
#
# ●●○○○ difficulty 2 of 5 · about 4 minutes
#
# Write gamma(r): a quarter of a cosine wave, from 1 at r = 0 down to 0 at r = 1.


# %% tags=["exercise"] exercise="mask_ratio"
def mask_ratio(r):
    """The share of tokens that the cosine schedule masks at r, 0 to 1: 1 at r = 0, and 0 at r = 1."""
    return None  # your code here


mask_ratio = check("mask_ratio", mask_ratio)

# %% [markdown] exercise="mask_ratio" part="solution"
# <details>
# <summary>Hint</summary>
#
# The cosine comes down from 1 to 0 over a quarter of its circle, that is over pi / 2.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def mask_ratio(r):
#     """The share of tokens that the cosine schedule masks at r, 0 to 1: 1 at r = 0, and 0 at r = 1."""
#     return math.cos(math.pi * r / 2)
# ```
#
# A quarter of the circle is pi / 2, so r times pi / 2.
#
# </details>

# %% [markdown]
# The course has three schedules: the cosine, a straight line, and one that falls at random (another for each seed).
# Yours and the module's:

# %% tags=["nbval-check-output"]
r = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
print("yours  ", [f"{mask_ratio(x):.3f}" for x in r.tolist()])
for name, gamma in [("cosine", schedule.cosine), ("linear", schedule.linear), ("random", schedule.random(seed=0))]:
    print(f"{name:7s}", [f"{x:.3f}" for x in gamma(r).tolist()])

# %% [markdown]
# A share is not yet a mask. Each code draws a number of its own, and is hidden if that lies below the share. By hand,
# for eight codes and the share one half:

# %% tags=["nbval-check-output"]
luck = torch.rand(8, generator=torch.Generator().manual_seed(3))
print([f"{x:.2f}" for x in luck.tolist()])
print(["[MASK]" if hide else "code" for hide in luck < 0.5])

# %% [markdown]
# Half of eight would be four. With so few draws, chance has its way. Now a whole grid, with the course's own function.
# It takes r, and gets the share from the cosine. `#` is known, `.` is hidden.

# %%
print(masks.random_cosine((1, 4, 72), r=0.5, seed=0))

# %% [markdown]
# Now all three, on two seconds of the guitar. Move r, or press *New masks*. Where do the three differ most?

# %%
from course_utils.show import schedules_player

schedules_player(coarse_codes[0, :, :172], r=0.5, seed=0, source=f"guitar clip, c0 to c3, {codec.name} codec")

# %% [markdown]
# <details><summary>What to see</summary>
#
# At both ends they agree: everything or nothing. Between them the cosine hides more than the straight line at every r.
# The distance is largest a little before the middle, about a fifth of all codes. The random one falls as chance will
# have it. Read from left to right, r is also the way through **decoding**, from all masked to none: lesson 03 uses the
# same curves for that.
#
# </details>

# %% [markdown] exercise="over_half" part="card"
# #### Exercise: What training sees
#
# ●●○○○ difficulty 2 of 5 · about 4 minutes
#
# In training r is drawn evenly from 0 to 1, and gamma(r), the cosine, is the share to mask. What share of the training
# examples has more than half of its tokens masked? Think first; a cell below measures it.

# %% tags=["exercise"] exercise="over_half"
over_half = None  # your answer here
over_half = check("over_half", over_half)

# %% [markdown] exercise="over_half" part="solution"
# <details>
# <summary>Hint</summary>
#
# For which r is cos(pi r / 2) equal to one half? Everything with a smaller r is masked more.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# over_half = 0.6666666666666666
# ```
#
# Cos(pi r / 2) is above 1/2 as long as r is below 2/3.
#
# </details>

# %% [markdown]
# Measured, on a hundred thousand draws:

# %%
drawn = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
ratios = {"cosine": schedule.cosine(drawn), "linear": schedule.linear(drawn)}
for name, share in ratios.items():
    print(f"{name}: {(share > 0.5).float().mean():.1%} of the examples over one half, mean share {share.mean():.3f}")

# %%
import matplotlib.pyplot as plt

from course_utils.show import figure

fig, axis = plt.subplots(figsize=(7, 2.6))
for (name, share), style in zip(ratios.items(), ("-", "--"), strict=True):
    heights, edges = np.histogram(share.numpy(), bins=20, range=(0, 1), weights=np.full(len(share), 100 / len(share)))
    axis.stairs(heights, edges, label=name, linestyle=style, linewidth=1.8)
axis.set(xlabel="share of codes masked", ylabel="% of training examples", ylim=0)
axis.legend()
last = {name: (share > 0.95).float().mean() for name, share in ratios.items()}
told = ", ".join(f"{name} {value:.0%}" for name, value in last.items())
figure(fig, f"How often training sees each share of masked codes. Shares above 95 % in the examples: {told}.")

# %% [markdown]
# The course's models were trained by the same rule. Read the source:

# %%
import inspect

from course_utils.train.masked import draw_mask

print(inspect.getsource(draw_mask))

# %% [markdown]
# With the cosine, training dwells on nearly empty grids: see the right end of the figure. On average a share of
# 0.64<!-- fact: VAMPNET_MEAN_RATIO --> of the codes is hidden, where the line hides half.
#
# Is that where practice is needed? Ask the model. We need music that it never heard, and pieces held out from training
# come with the course. Two seconds of each are played and encoded now. (A piece that is silent there is left out.)

# %%
from course_utils.train.excerpts import excerpt_codes

held_out = excerpt_codes(codec, held_out=True, seconds=2.0)  # [pieces, 9, 173]
held_coarse = held_out[:, :4]
held_out.shape

# %%
luck = torch.rand(held_coarse.shape, generator=torch.Generator().manual_seed(0))
by_ratio = {}
for ratio in (0.2, 0.5, 0.8, 0.95):
    mask = luck < ratio
    bits = cost(models.coarse, held_coarse, mask)
    by_ratio[ratio] = [bits[:, c][mask[:, c]].mean().item() for c in range(4)]
    print(f"{ratio:4.0%} masked:", "  ".join(f"c{c} {value:.2f}" for c, value in enumerate(by_ratio[ratio])), "bits")

# %%
fig, axis = plt.subplots(figsize=(7, 3))
for c, mark in enumerate("os^D"):
    axis.plot(list(by_ratio), [values[c] for values in by_ratio.values()], marker=mark, label=f"c{c}")
axis.axhline(10, color="grey", linestyle=":")
axis.set(xlabel="share of codes masked", ylabel="bits a masked code")
axis.legend()
first, final = by_ratio[0.2][0], by_ratio[0.95][0]
figure(
    fig,
    f"Cost of a masked code by share masked, course coarse model: c0 {first:.2f} to {final:.2f} bits. Dots: 10 bits.",
)

# %% [markdown]
# The emptier the grid, the dearer each code, because there is less to go by. And decoding from nothing **begins** with
# an empty grid. So the cosine gives most practice to the hardest questions, and decoding asks these first. There is
# more: decoding goes down the same curve, in even steps of r. So its passes meet each share of masked codes about as
# often as training did.
#
# The columns tell something else too: compare c0 with c3. The more a code costs, the less the known codes around it
# tell this model of it. c3 says what three codebooks left over. (Is that noise, then? Do not conclude it from the cost.
# Lesson 04 measures what the codes of noise cost.)
#
# > **Paper, article, released code.** The article that this course follows says that masks are drawn "linear, cosine or
# > random". VampNet uses the cosine, in training and in decoding; the other two are here to compare with. And "random"
# > can mean two things: *which* codes are hidden is random under every schedule; *how many* is random only under the
# > random one.
#
# ## 4. Both ways
#
# VampNet is said to be **[bidirectional](glossary.md#bidirectional)**: to fill a gap it looks at what comes before
# *and* after. A language model that writes word by word is **[causal](glossary.md#causal)**: it sees only what came
# before. Do not believe it: test it.
#
# The course has a causal twin of the coarse model: same size, same music, as many training steps. They share the first
# part of their training. Then the twin's view of later frames was cut. First, one element by hand: cover frame 100,
# change the codes at frame 110, and see whether the answer moves.

# %%
causal = load_causal(codec=codec)
here, later = 100, 110
before = coarse_codes.clone()
before[:, :, here] = MASK
after = before.clone()
after[:, :, later] = (after[:, :, later] + 512) % 1024

# %% tags=["nbval-check-output"]
with torch.inference_mode():
    for name, network in [("coarse", models.coarse), ("causal", causal)]:
        moved = (network(after)[:, :, here] - network(before)[:, :, here]).abs().max()
        print(f"{name}: a change 10 frames later changes the answer: {bool(moved > 0)}")

# %% [markdown]
# That was one pair of frames. For all frames at once there is a better tool, the **input gradient**: how does the
# logarithm of the right code's probability at frame 100 change with each number that goes in?
#
# A code is a name, and a name cannot be changed a little. But the network first looks up what each code stands for: the
# 8 numbers of its codebook entry, or for [MASK] 8 numbers that it has learned. Four codes make 32 numbers a frame, so
# the gradient is T x 32.


# %%
def input_gradient(network, codes, frame):
    """How the answer at `frame` depends on every input number: [T, 8 x codebooks]."""
    latents = network.latents(codes).detach().requires_grad_()
    log_p = network.logits(network.hidden(latents)).log_softmax(-1)
    log_p[0, 0, frame, coarse_codes[0, 0, frame]].backward()
    return latents.grad[0]


gradients = {"coarse": input_gradient(models.coarse, before, here), "causal": input_gradient(causal, before, here)}
gradients["coarse"].shape

# %% [markdown] exercise="frames_that_reach" part="card"
# #### Exercise: Which frames reach the answer?
#
# ●●●○○ difficulty 3 of 5 · about 6 minutes
#
# The gradient [T, D] says how much the answer at one frame changes with every number of every frame. Count the frames
# before it, and those after it, that change it at all.


# %% tags=["exercise"] exercise="frames_that_reach"
def frames_that_reach(gradient, frame):
    """How many frames before, and how many after `frame`, have any gradient: [T, D] -> (before, after)."""
    return None  # your code here


frames_that_reach = check("frames_that_reach", frames_that_reach)

# %% [markdown] exercise="frames_that_reach" part="solution"
# <details>
# <summary>Hint</summary>
#
# A frame reaches the answer if any of its D numbers is not 0: `(gradient != 0).any(1)`. Sums can cancel.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def frames_that_reach(gradient, frame):
#     """How many frames before, and how many after `frame`, have any gradient: [T, D] -> (before, after)."""
#     reach = (gradient != 0).any(1)  # [T]
#     return int(reach[:frame].sum()), int(reach[frame + 1 :].sum())
# ```
#
# A model that looks both ways has frames on both sides.
#
# </details>

# %% tags=["nbval-check-output"]
for name, gradient in gradients.items():
    n_before, n_after = frames_that_reach(gradient, here)
    print(f"{name}: {n_before} of {here} frames before and {n_after} of {344 - here} after reach the answer")

# %%
fig, axis = plt.subplots(figsize=(7, 3))
offsets = np.arange(345) - here
for (name, gradient), style in zip(gradients.items(), ("-", "--"), strict=True):
    axis.plot(offsets[40:161], gradient.norm(dim=1)[40:161], style, label=name, linewidth=1.5)
axis.axvline(0, color="grey", linewidth=0.8)
axis.set(xlabel="frames before (-) and after (+) the gap", ylabel="size of the gradient")
axis.set_yscale("symlog", linthresh=1e-4)
axis.set_ylim(0)
axis.legend()
share = {name: float(g[here + 1 :].norm() ** 2 / g.norm() ** 2) for name, g in gradients.items()}
told = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
figure(fig, f"Input gradient by frame, 60 frames either side of the gap. Share of its energy after the gap: {told}.")

# %% [markdown]
# After the gap the dashed curve, the causal model's, is **exactly** zero. By itself that would be proof for this one
# input only. But it is no result of training: one line of the network forbids it for all. Read the source:

# %%
from course_utils.vampnet import VampNet

print(inspect.getsource(VampNet.bias))

# %% [markdown]
# [Attention](glossary.md#attention) is how frames ask each other, and this bias is added to its scores. Minus infinity
# means: never listen. Nothing else tells a frame where it stands. The distance to each other frame is sorted into
# 32<!-- fact: VAMPNET_BIAS_BUCKETS --> buckets, half of them for each direction. They are narrow near by and wide far
# off; all that lies beyond 128 frames<!-- fact: VAMPNET_BIAS_DISTANCE --> in one direction shares a bucket.
#
# **Is the future worth anything?** Being able to look is one thing. So punch a hole of a quarter of a second into c0 to
# c3 of each held-out piece, in eleven places in turn, and ask both models what was there. Filling such a hole is
# [inpainting](glossary.md#inpainting).


# %%
@torch.inference_mode()
def cost_in_hole(network, first, width=22):
    hole = torch.zeros_like(held_coarse, dtype=torch.bool)
    hole[..., first : first + width] = True
    return cost(network, held_coarse, hole)[..., first : first + width]  # [pieces, 4, 22]


networks = {"coarse": models.coarse, "causal": causal}
places = range(20, 130, 10)
inpaint = {name: torch.stack([cost_in_hole(net, at) for at in places]).mean(0) for name, net in networks.items()}
for name, bits in inpaint.items():
    print(f"{name}: {bits.mean():.3f} bits a code")

# %%
gain = (inpaint["causal"] - inpaint["coarse"]).mean((1, 2))  # a figure for each piece
error = gain.std() / math.sqrt(len(gain))
print(f"looking both ways saves {gain.mean():.3f} bits a code, give or take {error:.3f} over {len(gain)} pieces")
print(f"and is better in {int((gain > 0).sum())} of them")

# %% tags=["nbval-check-output"]
print("more than twice the error bar:", bool(gain.mean() > 2 * error))

# %% [markdown]
# *Give or take* is the [standard error](glossary.md#standard-error) of the mean over the pieces. A gain of more than
# twice that is hardly luck. And it is a gain for each code: a hole has 4 x 22 of them.
#
# Is all of that owed to the future? The two models may also have had more or less practice. Their cards say how many
# training steps each made in its own way of looking:

# %%
from course_utils.zoo import read_card

print(f"coarse: {read_card('vampnet-coarse')['training']['steps']} steps, all with both sides in view")
steps_of = read_card("vampnet-causal")["causal_steps"]
print(f"causal: {steps_of['all']} steps, {steps_of['alone']} of them without the future")

# %% [markdown]
# If the causal model made fewer steps in its own way than the other, part of the gain may be missing training. Then the
# gain is an **upper estimate** of what the future is worth.
#
# Where in the hole does it help? Predict the shape of both curves, then look.

# %%
fig, axis = plt.subplots(figsize=(7, 3))
for (name, bits), style in zip(inpaint.items(), ("o-", "s--"), strict=True):
    axis.plot(range(22), bits[:, 0].mean(0), style, label=name, markersize=4, linewidth=1.5)
axis.set(xlabel="frame in the hole (known music on both sides)", ylabel="bits, codebook c0")
axis.legend()
told = "; ".join(
    f"{name} {bits[:, 0, :4].mean():.2f} in the first four frames, {bits[:, 0, -4:].mean():.2f} in the last four"
    for name, bits in inpaint.items()
)
figure(fig, f"Cost of c0 by place in a hole of 22 frames, mean of {len(held_coarse)} held-out pieces: {told} (bits).")

# %% [markdown]
# <details><summary>What to see</summary>
#
# At the left edge both know what came just before, so there they should be closest. If they are equal there, missing
# training explains little of the gain. If not, it may explain that much. Towards the right edge the music that follows
# is near, and only one of the two can see it. What the distance grows by on the way there is a better measure of what
# the future is worth.
#
# </details>
#
# And to the ear? A hole of half a second in the guitar, filled by either. The fine model is the same in both.

# %%
from dataclasses import replace

gap = masks.inpaint_span(codes.shape, 1.75, 2.25, codec.frame_rate)
both = {
    name: generate(replace(models, coarse=net), codes, gap, DecodeSettings(passes=12, temperature=0.8), seed=1).codes
    for name, net in [("both ways", models.coarse), ("causal", causal)]
}
silent = heard(codes)
silent[int(1.75 * 44100) : int(2.25 * 44100)] = 0
around = slice(44100, 3 * 44100)
fills = [(name, heard(grid)[around]) for name, grid in both.items()]
clips_player(
    [("the hole", silent[around]), *fills, ("all codes", heard(codes)[around])],
    title="Half a second, filled",
    source="course models, seed 1",
)

# %% [markdown]
# **Listening task.** Listen to the *end* of the hole, at 1.25 s. Which of the two arrives where the music goes on?
#
# <details><summary>An answer</summary>
#
# At the left edge both know where the music comes from. The causal coarse model does not know where it goes on, so what
# it plays at the right edge need not fit, and you may hear a click or a jump. The other could head for what follows.
# (The fine model sees both sides in either case.) On one gap, chance can hide all that: change the seed a few times
# before you decide. The figures above are over many gaps.
#
# </details>
#
# ## 5. Coarse and fine
#
# Nine codebooks are a lot to fill at once. VampNet splits the work between two networks. Who reads what, and who
# predicts what?

# %% tags=["nbval-check-output"]
for name, network in [("coarse", models.coarse), ("fine", models.fine)]:
    c = network.config
    million = sum(p.numel() for p in network.parameters()) / 1e6
    last_book = c.codebooks - 1
    print(f"{name}: reads c0 to c{last_book}, predicts c{c.conditioning} to c{last_book}, {million:.1f} M weights")

# %% [markdown]
# The **fine** network is *given* c0 to c3, always whole; the loss never asks for them. The **coarse** one never sees c4
# to c8. Are c0 to c3 of use to the fine network? Cover c4 to c8 entirely. Give it the right c0 to c3, then those of
# another moment.

# %%
fine_mask = torch.ones_like(held_out, dtype=torch.bool)
fine_mask[:, :4] = False
strange = held_out.clone()
strange[:, :4] = held_out[:, :4].roll(60, dims=-1)
for name, grid in [("the right c0 to c3", held_out), ("c0 to c3 from elsewhere", strange)]:
    bits = cost(models.fine, grid, fine_mask).mean((0, 2))
    print(f"{name:24s}", "  ".join(f"c{c} {value:.2f}" for c, value in enumerate(bits.tolist(), start=4)), "bits")

# %% [markdown]
# Of c4 to c8 it saw nothing. So what the first row saves on ten bits comes from c0 to c3, and from knowing which codes
# are common. If the second row is dearer, the fine network listens to what it is given. If it is above ten bits, the
# wrong codes misled it: to guess blindly would have been cheaper.
#
# **What if the split came after c0?** Then coarse would mean c0 alone, one code a frame instead of four. Cheap. What
# would it settle? Hear what c0 alone keeps of the music, what c0 to c3 keep, and what all nine. Then measure it with
# the [chroma](glossary.md#chroma) correlation of lesson 01, which says how well the notes agree. 1 is perfect.

# %%
splits = {"c0 alone": 1, "c0 to c3": 4, "c0 to c8": 9}
clips_player(
    [(name, codec.decode(codes, levels=n)[0, 0, : 2 * 44100].numpy()) for name, n in splits.items()],
    title="What the coarse stage decides",
    source=f"{codec.name} codec, guitar clip",
)

# %%
from course_utils.audio import chroma_similarity

for name, n in splits.items():
    sound = codec.decode(codes, levels=n, length=4 * 44100)[0, 0].numpy()
    print(f"{name}: chroma correlation with the recording {chroma_similarity(sound, guitar.samples[: 4 * 44100]):.2f}")

# %% [markdown]
# And how much of c1 to c3 follows from c0, so that a fine stage could fill it in? Hide c1 to c3, show c0 or not.

# %%
upper = torch.zeros_like(held_coarse, dtype=torch.bool)
upper[:, 1:] = True
hide_c0 = ~upper
for name, hidden in [("c0 is given", None), ("c0 is hidden too", hide_c0)]:
    bits = cost(models.coarse, held_coarse, upper, hidden)[:, 1:].mean((0, 2))
    print(f"{name:17s}", "  ".join(f"c{c} {value:.2f}" for c, value in enumerate(bits.tolist(), start=1)), "bits of 10")

# %% [markdown]
# The difference between the rows is what c0 tells this model of the others. The first row is what would still be left
# to the fine stage: most of the ten bits. Lesson 01 found that *which note* it is takes two or three codes more than
# c0. With a split after c0, that would be left to the fine stage, which takes only 2
# passes<!-- fact: VAMPNET_FINE_PASSES --> in the released code. A split after c3 leaves the notes to the coarse stage,
# which takes many.
#
# > **Paper, article, released code.** The article has 9 codebooks, with c0 alone coarse and c1 to c8 fine. The paper
# > has 14<!-- fact: VAMPNET_CODEBOOKS -->: the first 4<!-- fact: VAMPNET_COARSE --> are coarse, the other
# > 10<!-- fact: VAMPNET_FINE --> fine. Older configurations of the released code have 9, with 3 or 4 given to the fine
# > network. This course has DAC's 9, with c0 to c3 coarse and c4 to c8 fine.
#
# ## 6. Train one yourself
#
# Enough watching. A tiny network, codebook c0 only, two layers, on this machine, now. First we need music to train on:
# four seconds of every third training piece, played and encoded. The held-out pieces of section 3 are not among them.

# %%
train = excerpt_codes(codec, held_out=False, seconds=4.0, every=3)[:, 0]  # [pieces, frames], c0
test = held_out[:, 0]
print(f"{train.numel()} codes to train on, {test.numel()} to test on")

# %% [markdown]
# What is there to beat? The even guess costs 10 bits. The [unigram](glossary.md#unigram) guess knows how often each
# code occurs in the training music, and nothing else.

# %% [markdown] exercise="unigram_bits" part="card"
# #### Exercise: The guess to beat
#
# ●●●○○ difficulty 3 of 5 · about 6 minutes
#
# The unigram guess ignores everything around a gap: it only knows how often each code occurred in training. What does
# it pay, in bits, for a code of music that it has not heard? `smoothing` is added to the count of each of the 1024
# codes, so that none has probability 0.


# %% tags=["exercise"] exercise="unigram_bits"
def unigram_bits(train, held_out, smoothing):
    """Bits per held-out code, guessed by its smoothed frequency in training; both are int64 [N] -> a number."""
    return None  # your code here


unigram_bits = check("unigram_bits", unigram_bits)

# %% [markdown] exercise="unigram_bits" part="solution"
# <details>
# <summary>Hint</summary>
#
# `torch.bincount(train, minlength=1024)` counts. Add the smoothing, divide by the sum, look up `p[held_out]`, and take
# the mean of minus log2.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def unigram_bits(train, held_out, smoothing):
#     """Bits per held-out code, guessed by its smoothed frequency in training; both are int64 [N] -> a number."""
#     counts = torch.bincount(train, minlength=1024) + smoothing
#     p = counts / counts.sum()
#     return float(-torch.log2(p[held_out]).mean())
# ```
#
# The cross-entropy of the held-out codes under the frequencies of the training codes.
#
# </details>

# %%
guesses = {s: unigram_bits(train.flatten(), test.flatten(), s) for s in (1, 3, 10, 30, 100)}
print({s: round(bits, 2) for s, bits in guesses.items()})
smoothing = min(guesses, key=guesses.get)
unigram = guesses[smoothing]

# %% [markdown]
# We take the smoothing that suits the *held-out* codes best. That is unfair, in favour of the guess to beat. It is a
# poor guess all the same, not far below ten bits: the codec uses its entries almost evenly, as lesson 01 counted, and
# what is common in one piece may be rare in the next.
#
# Now the network. It is the course's own class, at a small size.

# %%
from course_utils.vampnet import VampNetConfig

torch.manual_seed(0)
sizes = VampNetConfig(codebooks=1, width=64, layers=2, heads=4, dropout=0.0)
tiny = VampNet(sizes, codec.codebook(0)[None])
for name, network in [("tiny", tiny), ("coarse", models.coarse)]:
    print(f"{name}: {sum(p.numel() for p in network.parameters()):,} weights")

# %% [markdown]
# It starts as the unigram guess: the last layer's offsets are the logarithms of the frequencies, its weights are small.
# Whatever it gains from here on, it gains from the codes around the gap.

# %%
with torch.no_grad():
    tiny.out.weight.mul_(0.1)
    tiny.out.bias.copy_((torch.bincount(train.flatten(), minlength=1024) + smoothing).log())
optimiser = torch.optim.AdamW(tiny.parameters(), lr=4e-3)

# %% [markdown]
# One step of training: random crops, a random share of each hidden by the cosine, the loss on what is hidden.

# %%
chance = torch.Generator().manual_seed(0)


def training_step(batch=16, frames=64):
    piece = torch.randint(len(train), (batch,), generator=chance)
    start = torch.randint(train.shape[1] - frames, (batch,), generator=chance)
    crops = torch.stack([train[p, s : s + frames] for p, s in zip(piece, start, strict=True)])[:, None]
    share = schedule.cosine(torch.rand(batch, 1, 1, generator=chance))
    mask = torch.rand(crops.shape, generator=chance) < share  # [16, 1, 64]
    logits = tiny(crops.masked_fill(mask, MASK))
    loss = F.cross_entropy(logits[mask], crops[mask])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


# %% [markdown]
# And the test: half of the held-out codes masked, always the same half.

# %%
test_mask = torch.rand(test[:, None].shape, generator=torch.Generator().manual_seed(1)) < 0.5


def held_out_bits(network, codes=test[:, None], mask=test_mask):
    return cost(network, codes, mask)[mask].mean().item()


print(f"before training: {held_out_bits(tiny):.2f} bits, the unigram guess: {unigram:.2f}")

# %% [markdown]
# Go. The curve grows while it trains. The learning rate falls to zero on the way. The end comes after 300 steps, or
# after half a minute on a slow machine.

# %%
import time

from course_utils.show import live_curve

curve = live_curve({"unigram guess": unigram, "even guess": 10.0}, name="tiny model")
curve.add(0, held_out_bits(tiny))
started, steps, done = time.perf_counter(), 0, 0.0
while done < 1:
    for group in optimiser.param_groups:
        group["lr"] = 4e-3 * (1 - done)
    training_step()
    steps += 1
    done = max(steps / 300, (time.perf_counter() - started) / 30)
    if steps % 30 == 0:
        curve.add(steps, held_out_bits(tiny))

# %%
best = held_out_bits(tiny)
print(f"{steps} steps: {best:.2f} bits, {unigram - best:.2f} below the unigram guess")

# %% tags=["nbval-check-output"]
print("the tiny model beats the unigram guess:", best < unigram - 0.1, "- and the even guess:", best < 10 - 0.1)

# %% [markdown]
# A bit is a factor of two: one bit less means that the model wavers between half as many codes. What do a larger
# network, more music and longer training bring? Ask the coarse model the same question twice: with c1 to c3 covered,
# which it is not used to, and with c1 to c3 there to see.

# %%
c0_gaps = torch.cat([test_mask, torch.zeros_like(held_coarse[:, 1:], dtype=torch.bool)], dim=1)
alone, helped = (cost(models.coarse, held_coarse, c0_gaps, hidden)[c0_gaps].mean().item() for hidden in (upper, None))
all_bits = {
    "even guess": 10.0,
    "unigram guess": unigram,
    "tiny model": best,
    "coarse model": alone,
    "with c1 to c3": helped,
}
for name, bits in all_bits.items():
    print(f"{name:14s} {bits:5.2f} bits: as if from {2**bits:4.0f} equally likely codes")

# %% [markdown]
# Between the last two rows only one thing differs: c1 to c3 can be seen. The drop is what they tell this model of c0.
# The coarse row has several advantages over the tiny one: size, music, training. This table cannot tell them apart.
#
# Does the tiny one look both ways too? The same proof:

# %%
covered = coarse_codes[:, :1].clone()
covered[:, :, here] = MASK
n_before, n_after = frames_that_reach(input_gradient(tiny, covered, here), here)
print(f"tiny: {n_before} frames before and {n_after} after reach the answer")

# %% tags=["nbval-check-output"]
print("both ways:", n_before > 0 and n_after > 0)

# %% [markdown]
# **Your turn.** Change `width`, `layers`, the learning rate or the length of the crops, run from the network's cell on,
# and beat your own curve. (The width must be a multiple of the heads. Of the two places with the learning rate, the one
# in the loop counts.) What happens to the training if you take `schedule.linear`? And to the bits at 95 % masked? For
# that, put 0.95 into the test's cell.
#
# > **What VampNet adds.** 797,000<!-- fact: VAMPNET_TRACKS --> tracks of music, where you had a few minutes. Width
# > 1,280<!-- fact: VAMPNET_WIDTH --> and 20<!-- fact: VAMPNET_COARSE_LAYERS --> layers instead of 64 and 2. For the
# > coarse network 1,000,000 steps<!-- fact: VAMPNET_COARSE_STEPS -->, for the fine one
# > 500,000 steps<!-- fact: VAMPNET_FINE_STEPS -->, with a learning rate that first rises and then falls. And
# > **[label smoothing](glossary.md#label-smoothing)** of 0.1<!-- fact: VAMPNET_LABEL_SMOOTHING -->: the right code
# > is worth nine tenths of the target, and the last tenth is shared among all codes, so that the network is not driven
# > to be quite sure.
#
# ## 7. Listening test
#
# Can you hear that half the codes were made up? Press *Start the blind test*: X is one of the two, drawn anew in each
# of ten rounds. Both are made equally loud.

# %%
every_code, invented = (heard(grid)[: 2 * 44100] for grid in (codes, filled))
invented = invented * (every_code.std() / invented.std())
clips_player([("all codes", every_code), ("half filled in", invented)], title="A, B, X", abx=(0, 1))

# %% [markdown]
# <details><summary>How to read your score, and what to listen for</summary>
#
# Nine or ten right of ten would happen by luck about once in a hundred tries; seven prove nothing. Listen to the
# ringing of the strings between the strokes: filled codes are likely codes, not the very ones that were played, and a
# held tone is where a small difference from frame to frame is heard first, as a roughness. Then listen to the strokes:
# are they as sharp as before? A stroke is sudden, so the codes around it tell less of it.
#
# </details>
#
# ## What you can do now
#
# - **Hide** codes with [MASK], and **score** a guesser in bits, by hand and for a whole grid.
# - **Say** why the loss counts masked positions only, and **show** the cheat that it stops.
# - **Compare** cosine, linear and random schedules, and say which ratios a training run sees.
# - **Prove** with an input gradient what a network can look at, and with an inpainting error what that is worth.
# - **Tell** what the coarse and the fine network read and predict, and what another split would change.
# - **Train** a masked model, and check it against the guess to beat on music that it has not heard.
#
# ## To discuss
#
# 1. (10 min) A causal model can also fill a gap, if it may read the future first and the gap last. What would have to
#    change in the data, and what would it cost?
# 2. (10 min) The unigram guess was not much better than no knowledge at all. What does that say about the codec? Would
#    a worse codec make a better-looking baseline?
# 3. (5 min) Each masked code is predicted by itself, as if the other gaps did not exist. When is that wrong? (Think of
#    two gaps side by side.)
# 4. (10 min) Hiding single codes at random leaves most neighbours in place. Music is edited in stretches. Would you
#    train on stretches, and how would you find out?
#
# <details><summary>For whoever leads the discussion</summary>
#
# 1. The order of the tokens: put the gap's tokens last and mark where they belong. The Anticipatory Music Transformer
#    does something of the kind with notes (lessons 05 to 07).
# 2. Codes used evenly carry most: a good codec leaves nothing for a unigram. A codec with dead entries would have a
#    lower unigram cost, and sound worse.
# 3. Two gaps side by side may each be filled well and not fit together. That is why decoding takes several passes:
#    lesson 03.
# 4. Let someone propose a measurement: the inpainting figure of section 4, with a model trained on stretches. At high
#    ratios, random masks contain stretches anyway.
#
# </details>
#
# ## Where this comes from
#
# - Masked tokens with a cosine ratio, coarse and fine networks: VampNet (arXiv 2307.04686), section 2.
# - The schedules compared, and parallel decoding: MaskGIT (arXiv 2202.04200), section 3.
# - The network (`course_utils/vampnet/transformer.py`): its position bias and norm are T5's (arXiv 1910.10683), its
#   feed-forward layer is GEGLU (arXiv 2002.05202).
# - The course models' recipe: `course_utils/train/masked.py`.

# %% [markdown] made="next"
# **Next:** [03 · Parallel decoding, 36 passes](03_parallel_decoding.ipynb). After it you can fill a whole grid of
# codes with a pass of the decoder that you wrote yourself, say what each of the 36 passes decides, and measure what
# more of them give.

# %%
from course_utils.show.frame import downloads

downloads({"guitar_half_filled.flac": heard(filled), "guitar_hole_filled.flac": fills[0][1]})

# %%
from course_utils.show.frame import reproducibility

reproducibility(seed=0, models=["course-codec", "vampnet-coarse", "vampnet-fine", "vampnet-causal"])
