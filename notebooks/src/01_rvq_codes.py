# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   two_poles:
#     data: [clips, models/course-codec, midi/freedoom, soundfont]
# ---

# %% [markdown] made="header"
# # 01 · RVQ codes
#
# **After this lesson you can** turn a sound into a grid of 9 x T codes with a quantiser that you wrote yourself, and
# measure what each level adds to rhythm, pitch and timbre.
#
# 45 minutes to read, 76 with the exercises · builds on: a little Python and numpy; no machine learning
#
# [open in Colab] · [open in Binder] · [glossary](glossary.md)
#
# [open in Colab]: https://colab.research.google.com/github/OWNER/two-poles/blob/main/notebooks/01_rvq_codes.ipynb
# [open in Binder]: https://mybinder.org/v2/gh/OWNER/two-poles/main?urlpath=lab/tree/notebooks/01_rvq_codes.ipynb

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

from course_utils.exercises.lesson01 import check
from course_utils.show.frame import set_up

codec = set_up("01", model="course", seed=0)

# %% [markdown]
# **Hear it first.** Below is one sound, twice. The first is the recording. The second was rebuilt from numbers that
# take up about one ninetieth of the space. Press play, then switch between them while the sound goes on.

# %%
from course_utils import demo_clip
from course_utils.show import clips_player

clip = demo_clip("ladder")
codes = codec.encode(clip)
rebuilt = codec.decode(codes, length=len(clip.samples))[0, 0].numpy()

clips_player(
    [("the recording", clip.samples[: 2 * 44100]), ("rebuilt from codes", rebuilt[: 2 * 44100])],
    title="Before and after",
    source=f"{codec.name} codec, seed 0",
)

# %% [markdown]
# Did you hear what was lost? By the end of this lesson you can measure it, level by level, and say why it had to go.
#
# ## 1. How much room does sound take?
#
# A recording is a long list of numbers, one for every moment at which the air pressure was measured. Each number is a
# [sample](glossary.md#sample). How many there are in a second is the [sampling rate](glossary.md#sampling-rate).

# %%
clip.samples[:6]

# %% tags=["nbval-check-output"]
print(len(clip.samples), "numbers for", clip.seconds, "seconds")

# %% [markdown]
# On a compact disc each of them takes 16 bits. Ours has one channel, so a second of it takes:

# %% tags=["nbval-check-output"]
pcm = clip.rate * 16
print(f"{pcm} bits per second, {pcm / 1000:.1f} kbit/s")

# %% [markdown]
# The codes that made the second sound take this much:

# %% tags=["nbval-check-output"]
print(f"{codec.bits_per_second() / 1000:.2f} kbit/s, {pcm / codec.bits_per_second():.0f} times less")

# %% [markdown]
# Spread over the samples, that is less than a fifth of a bit for each.

# %% tags=["nbval-check-output"]
print(f"{codec.bits_per_second() / clip.rate:.3f} bits per sample")

# %% [markdown]
# Could we get there by rounding each sample more coarsely? Four bits a sample would still be 23 times as many.
# **Predict** what six, four and two bits sound like. Then listen.


# %%
def round_to(samples, bits):
    steps = 2 ** (bits - 1)
    return np.clip(np.round(samples * steps), -steps, steps - 1) / steps  # 2 ** bits different values


start = clip.samples[:44100]  # one second
clips_player(
    [("16 bits", start)] + [(f"{bits} bits", round_to(start, bits)) for bits in (6, 4, 2)],
    title="Rounding every sample by itself",
)

# %% [markdown]
# If you run this notebook yourself (with a *kernel*, as Jupyter says), choose the bits. What is the fewest you can
# bear?

# %%
from course_utils.show import live

live(lambda bits: clips_player([(f"{bits} bits", round_to(start, bits))], title="Your choice"), bits=(1, 16, 5))

# %% [markdown]
# <details><summary>What did you hear?</summary>
#
# Hiss, then crackle, then the quiet parts fall silent, because everything below half a step is rounded to zero. And
# two bits a sample are still eleven times what the codes take. Rounding numbers one by one is a dead end. The way out
# is to round many numbers **together**.
#
# </details>
#
# ## 2. Rounding numbers together
#
# Take numbers in pairs. A pair is a point in the plane. Here are six points. (`torch` is numpy's sibling, made for
# networks.)

# %%
points = torch.tensor([[0.1, 0.2], [0.2, 0.1], [0.9, 0.8], [1.0, 1.0], [0.9, 0.1], [0.8, 0.2]])
points

# %% [markdown]
# And here is a **codebook**: a short list of points that both sender and receiver know. One row is an **entry**.

# %%
codebook = torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]])

# %% [markdown]
# To send the first point, we look for the entry nearest to it. Squared distances will do: the smallest stays the
# smallest without the root.

# %% tags=["nbval-check-output"]
point = points[0]
distances = ((codebook - point) ** 2).sum(1)
print(distances.numpy().round(2), "so the nearest is entry", distances.argmin().item())

# %% [markdown]
# We send that number: the **code**. With three entries it fits into two bits. The receiver looks the entry up, and has
# the point back, nearly.
#
# Now all six points at once. `None` adds an axis, so that every point meets every entry.

# %% tags=["nbval-check-output"]
distances = ((points[:, None, :] - codebook[None, :, :]) ** 2).sum(2)  # [6 points, 3 entries]
codes_2d = distances.argmin(1)
print(codes_2d.tolist())

# %% [markdown]
# The course's own function does the same, with less memory:

# %% tags=["nbval-check-output"]
from course_utils.codec import kmeans, nearest

print(nearest(points, codebook).tolist())

# %% [markdown]
# [Quantisation](glossary.md#quantisation) is the field's word for rounding. What we just did is
# [vector quantisation](glossary.md#vector-quantisation): several numbers are rounded at once. It pays because pairs of
# nearby samples are not spread evenly over the plane. Here are 1500 pairs from our clip, each sample with the one 12
# places later. (The very next one is so much alike that the cloud would be nearly a line.)

# %%
pairs = torch.from_numpy(np.stack([clip.samples[:-12], clip.samples[12:]], axis=1))
cloud = pairs[torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))[:1500]]
cloud.shape

# %% [markdown]
# Where should the entries lie? [k-means](glossary.md#k-means) improves them by repeating two moves: give every point to
# its nearest entry, then put every entry in the middle of its points. Drag an entry, press *Step*, and watch the error:
# the mean square of what separates the points from their entries.

# %%
from course_utils.show import vq_toy

vq_toy(cloud, k=8, axes=("sample n", "sample n + 12"))

# %% [markdown]
# With a kernel, sliders set the number of entries k, the steps and the seed. (Without one, the figure stays as it is.)

# %%
from course_utils.show import explore_vq

explore_vq(cloud)

# %% [markdown]
# The same by hand, starting from eight points of the cloud:

# %% tags=["nbval-check-output"]
entries = cloud[:8].clone()
for step in range(4):
    index = nearest(cloud, entries)
    error = ((cloud - entries[index]) ** 2).mean()
    print(f"step {step}: error {error:.5f}")
    entries = torch.stack([cloud[index == k].mean(0) for k in range(8)])

# %% [markdown]
# A step never raises the error: the nearest entry is the best one for a point, and the middle is the best place for an
# entry. After some steps nothing moves any more. Where it stops depends on where it began: it need not be the best of
# all codebooks.

# %% [markdown] exercise="nearest_entry" part="card"
# #### Exercise: Find the nearest entry
#
# ●●○○○ difficulty 2 of 5 · about 5 minutes
#
# Write the search for any points and any codebook, in any number of dimensions.


# %% tags=["exercise"] exercise="nearest_entry"
def nearest_entry(points, codebook):
    """Number of the nearest entry for each point: points [N, D], codebook [K, D] -> [N]."""
    return None  # your code here


nearest_entry = check("nearest_entry", nearest_entry)

# %% [markdown] exercise="nearest_entry" part="solution"
# <details>
# <summary>Hint</summary>
#
# `points[:, None, :] - codebook[None, :, :]` holds every difference, [N, K, D]. Square, sum over D, and take the
# position of the smallest.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def nearest_entry(points, codebook):
#     """Number of the nearest entry for each point: points [N, D], codebook [K, D] -> [N]."""
#     distances = ((points[:, None, :] - codebook[None, :, :]) ** 2).sum(2)
#     return distances.argmin(1)
# ```
#
# The entry with the smallest sum of squared differences.
#
# </details>

# %% [markdown]
# ## 3. Codes for what is left over
#
# More entries, smaller error. But the price is steep: each further bit per code doubles the codebook.

# %% tags=["nbval-check-output"]
for bits in (2, 4, 6, 8):
    book = kmeans(cloud, 2**bits, seed=0)
    error = ((cloud - book[nearest(cloud, book)]) ** 2).mean()
    print(f"{bits} bits: {2**bits:3d} entries, error {error:.5f}")

# %% [markdown]
# Our codec spends 90 bits on a **frame**, a short stretch of sound. One codebook for that would need 2 to the power of
# 90 entries. No computer holds that.
#
# So we cheat. Quantise once with a small codebook. Look at what is left over, the **residual**. Quantise that with a
# second small codebook. By hand, for one point:

# %% tags=["nbval-check-output"]
first = kmeans(cloud, 4, seed=0)
point = cloud[5]
near = first[nearest(point[None], first)[0]]
print("point", point.numpy().round(3), "- entry", near.numpy().round(3), "= left over", (point - near).numpy().round(3))

# %% [markdown]
# The residuals of all points make a new, smaller cloud. It gets a codebook of its own.

# %% tags=["nbval-check-output"]
residual = cloud - first[nearest(cloud, first)]
second = kmeans(residual, 4, seed=1)
left = residual - second[nearest(residual, second)]
for name, what in [("cloud", cloud), ("after one codebook", residual), ("after two", left)]:
    print(f"{name:20s} mean square {(what**2).mean():.5f}")

# %% [markdown]
# Two codebooks with 4 entries each: 8 entries to store, yet 4 x 4 = 16 different sums. That is the whole trick of
# **residual vector quantisation**, [RVQ](glossary.md#rvq). With nine codebooks of 1024 entries it becomes this:

# %% tags=["nbval-check-output"]
print("entries stored:", 9 * 1024, "- sums possible: about 10 to the power of", int(90 * np.log10(2)))

# %% [markdown]
# Each codebook in the chain is a **level**. The course's own module takes as many as you like. Four levels of four
# entries:

# %% tags=["nbval-check-output"]
from course_utils.codec import PlainRVQ

rvq = PlainRVQ.fit(cloud, levels=4, k=4)
codes_rvq = rvq.encode(cloud)  # [1500, 4]
for n in range(1, 5):
    error = ((cloud - rvq.decode(codes_rvq[:, :n])) ** 2).mean()
    print(f"levels: {n}, bits: {2 * n}, error {error:.5f}")

# %% [markdown]
# Compare with the table above. At two bits both are the same codebook. From there on one big codebook has the smaller
# error at the same number of bits. (Part of its lead is flattery: 256 entries are judged on the very 1500 points that
# they were fitted to.) But it stores 256 entries where the four small ones store 16. A codebook that fits into memory
# beats a better one that does not.

# %% [markdown] exercise="residual_codes" part="card"
# #### Exercise: Write the residual loop
#
# ●●●○○ difficulty 3 of 5 · about 8 minutes
#
# One point, several codebooks: find the entry nearest to what is left over, note its number, subtract it, go on. This
# loop is the heart of most neural codecs.


# %% tags=["exercise"] exercise="residual_codes"
def residual_codes(point, codebooks):
    """Codes of one point [D], one for each codebook [K, D], each for what the codebooks before it left over."""
    return None  # your code here


residual_codes = check("residual_codes", residual_codes)

# %% [markdown] exercise="residual_codes" part="solution"
# <details>
# <summary>Hint</summary>
#
# Start with `residual = point`. In each round, look for the entry nearest to `residual`, not to `point`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def residual_codes(point, codebooks):
#     """Codes of one point [D], one for each codebook [K, D], each for what the codebooks before it left over."""
#     codes, residual = [], point
#     for codebook in codebooks:
#         code = ((codebook - residual) ** 2).sum(1).argmin()
#         residual = residual - codebook[code]
#         codes.append(int(code))
#     return codes
# ```
#
# Each codebook sees only what the ones before it left over.
#
# </details>

# %% [markdown]
# The module's loop works on all points at once. Compare it with yours:

# %%
import inspect

print(inspect.getsource(PlainRVQ.encode))

# %% [markdown]
# **Does training matter?** The baseline is four codebooks drawn at random, with about the right spread.

# %% tags=["nbval-check-output"]
random_books = [torch.randn(4, 2, generator=torch.Generator().manual_seed(n)) * cloud.std() / 2**n for n in range(4)]
drawn = PlainRVQ(random_books)
error = ((cloud - drawn.decode(drawn.encode(cloud))) ** 2).mean()
print(f"4 random codebooks: error {error:.4f}")

# %% [markdown]
# The random ones are of some use: compare with the mean square of the cloud itself, further up. The trained ones leave
# far less behind.
#
# ## 4. From pairs to frames
#
# Two numbers at a time was a toy. Music asks for more: a codec works on frames of a few hundred samples. The step from
# one frame to the next is the [hop](glossary.md#hop). Ours is 512 samples<!-- fact: DAC_HOP -->, so a second has this
# many frames:

# %% tags=["nbval-check-output"]
print(f"{codec.sample_rate} / {codec.hop} = {codec.frame_rate:.2f} frames per second")


# %% [markdown] exercise="count_frames" part="card"
# #### Exercise: How many frames?
#
# ●○○○○ difficulty 1 of 5 · about 2 minutes
#
# A codec cannot work on half a frame. How many frames does it need for so many samples, with this hop?


# %% tags=["exercise"] exercise="count_frames"
def count_frames(samples, hop):
    """Frames needed for so many samples; the last one may be filled up with silence."""
    return None  # your code here


count_frames = check("count_frames", count_frames)

# %% [markdown] exercise="count_frames" part="solution"
# <details>
# <summary>Hint</summary>
#
# Ten seconds are 441,000 samples. 441,000 / 512 is 861.3. The codec makes 862 frames.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def count_frames(samples, hop):
#     """Frames needed for so many samples; the last one may be filled up with silence."""
#     return math.ceil(samples / hop)
# ```
#
# The quotient, rounded up.
#
# </details>

# %% [markdown]
# Before quantising, we turn each frame of 512 samples into 512 numbers, one for each band of frequency. Music is
# simpler there: a held note is a few large numbers and many small ones. The transform is the modified discrete cosine
# transform, [MDCT](glossary.md#mdct). It also looks half a frame to either side, so its frames overlap, and still it
# loses nothing. (We take whole frames only, 344 of them.)

# %% tags=["nbval-check-output"]
from course_utils.codec import MDCT

mdct = MDCT(hop=512)
audio = torch.from_numpy(clip.samples[: 344 * 512])[None]
spectrum = mdct(audio)[0]  # [344 frames, 512 frequencies]
back = mdct.inverse(spectrum[None])
error = (back - audio).abs().max()
print(list(spectrum.shape), "- the way back is exact to one part in a million:", bool(error < 1e-6))

# %% [markdown]
# How few are the large numbers? A frame's energy is the sum of its squares. Sort them, and count how many hold nine
# tenths of it.

# %% tags=["nbval-check-output"]
energy = (spectrum**2).sort(dim=1, descending=True).values.cumsum(1)
needed = (energy < 0.9 * energy[:, -1:]).sum(1) + 1
print("median over frames:", int(needed.median()), "of 512 numbers")

# %% [markdown]
# So a frame is far simpler than 512 free numbers, and a codebook can make use of that.
#
# Now plain k-means RVQ on frames: nine codebooks, no network at all. We need music to train on. The course brings music
# as MIDI files, which hold notes. Here a synthesiser plays sixteen of them, four seconds each.

# %%
from course_utils.train.corpus import training_frames

frames = training_frames(pieces=16, seconds=4.0)  # float32 [frames, 512]
frames.shape

# %% [markdown]
# High frequencies are weak, but we hear them. So each frequency is first divided by a power of its own typical size.

# %%
weight = 1 / frames.std(0) ** 0.6
music_rvq = PlainRVQ.fit(frames * weight, levels=9, k=256, iterations=5)

# %% [markdown]
# This quantiser never saw our clip. Encode the clip, and rebuild it from one level and from all nine. One of 256
# entries is 8 bits, so nine levels are 72 bits a frame.
#
# [SI-SDR](glossary.md#si-sdr) says how much stronger the wanted sound is than the error, in decibels, whatever the
# volume. 0 dB: as strong as each other. 10 dB: ten times the power.

# %%
from course_utils.audio import si_sdr

plain_codes = music_rvq.encode(spectrum * weight)  # [344, 9]
plain, figures = {}, {}
for n in (1, 9):
    plain[n] = mdct.inverse((music_rvq.decode(plain_codes[:, :n]) / weight)[None])[0].numpy()
    figures[n] = si_sdr(plain[n], audio[0].numpy())
    print(f"levels: {n}, SI-SDR {figures[n]:.1f} dB")

# %% tags=["nbval-check-output"]
print("below 0 dB at one level:", figures[1] < 0, "- above at nine:", figures[9] > 0)

# %% [markdown]
# Now listen. What is missing at one level, and what does the error sound like at nine?

# %%
sounds = {"original": audio[0].numpy()} | {f"levels: {n}": samples for n, samples in plain.items()}
clips_player(
    [(name, samples[:44100]) for name, samples in sounds.items()],
    title="k-means on MDCT frames, no network",
)

# %% [markdown]
# <details><summary>What to listen for</summary>
#
# At one level the error is stronger than the music, so the figure is below 0 dB. Each frame is chosen without a look
# at its neighbours: a held note is pieced together from frames that do not quite fit. At nine levels the error is
# weaker than the music, but it is still a curtain of noise over everything.
#
# </details>
#
# ## 5. What a trained codec does differently
#
# A neural codec puts a trained **encoder** before the quantiser and a trained **decoder** after it. The encoder turns
# frames into [latents](glossary.md#latent), vectors that are easier to quantise. The decoder turns what the codes say
# back into sound. Both look at the neighbouring frames while they do. (The course codec's encoder begins with the MDCT
# that you have just seen. That of DAC, the Descript Audio Codec, works on the samples themselves.) The quantiser
# between them is DAC's, in our codec too. Let us take one frame through it.

# %% tags=["nbval-check-output"]
latents = codec.network.encoder(audio[:, None])[0].T  # [344 frames, 256]
frame = latents[40]
print(list(latents.shape))

# %% [markdown]
# Look-up happens in 8 dimensions, not 256. A small matrix projects down. So an entry has only 8 numbers, and the search
# is cheap. This is the [factorised](glossary.md#factorised-look-up) part.

# %%
from course_utils.codec.rvq import read_dac_level

level = read_dac_level(codec.network.quantizer.quantizers[0])
short = level.project_in @ frame + level.offset_in
short.shape, level.codebook.shape

# %% [markdown]
# The nearest entry is found **by angle**, that is by [cosine similarity](glossary.md#cosine-similarity): both sides
# are scaled to length one, and the largest dot product wins.

# %% tags=["nbval-check-output"]
unit = short / short.norm()
unit_entries = level.codebook / level.codebook.norm(dim=1, keepdim=True)
cosine = unit_entries @ unit
code = cosine.argmax()
print("the codec gives the same code:", bool(code == codec.encode(audio)[0, 0, 40]))

# %% [markdown]
# The receiver takes the entry **as it is stored**, not the scaled one, and projects it up to 256 numbers.

# %%
rebuilt_frame = level.project_out @ level.codebook[code] + level.offset_out
left_over = frame - rebuilt_frame
left_over.shape

# %% [markdown]
# What is left over goes to the second codebook, and so on. Here are one level's look-up, its way back, and the loop
# over the levels, from `course_utils/codec/rvq.py`:

# %%
from course_utils.codec import FactorisedRVQ, FactorisedVQ

for part in (FactorisedVQ.encode, FactorisedVQ.decode, FactorisedRVQ.encode):
    print(inspect.getsource(part))

# %% [markdown]
# It gives the codes that the dac package gives. (A near tie may fall the other way when sums are taken in another
# order, and takes the frame's later codes along.)

# %% tags=["nbval-check-output"]
ours = FactorisedRVQ.from_dac(codec.network.quantizer.quantizers).encode(latents)  # [344, 9]
theirs = codec.encode(audio)[0].T
print("at least 95 % of the codes agree:", bool((ours == theirs).float().mean() > 0.95))


# %% [markdown] exercise="cosine_codes" part="card"
# #### Exercise: Look up by angle
#
# ●●●○○ difficulty 3 of 5 · about 6 minutes
#
# Write DAC's look-up: scale every latent and every entry to length one, and take the largest dot product.


# %% tags=["exercise"] exercise="cosine_codes"
def cosine_codes(latents, codebook):
    """Number of the entry at the smallest angle to each latent: latents [N, 8], codebook [K, 8] -> [N]."""
    return None  # your code here


cosine_codes = check("cosine_codes", cosine_codes)

# %% [markdown] exercise="cosine_codes" part="solution"
# <details>
# <summary>Hint</summary>
#
# `x / x.norm(dim=1, keepdim=True)` scales every row of x to length one.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def cosine_codes(latents, codebook):
#     """Number of the entry at the smallest angle to each latent: latents [N, 8], codebook [K, 8] -> [N]."""
#     latents = latents / latents.norm(dim=1, keepdim=True)
#     codebook = codebook / codebook.norm(dim=1, keepdim=True)
#     return (latents @ codebook.T).argmax(1)
# ```
#
# With lengths taken out, the largest dot product is the smallest angle.
#
# </details>

# %% [markdown]
# Your look-up can now do the whole work: nine levels, each on what the ones before it left over.

# %% tags=["nbval-check-output"]
grid, rest = [], latents
for part in FactorisedRVQ.from_dac(codec.network.quantizer.quantizers).levels:
    grid.append(cosine_codes(rest @ part.project_in.T + part.offset_in, part.codebook))
    rest = rest - part.decode(grid[-1])
same = (torch.stack(grid, dim=1) == theirs).float().mean()
print(f"{len(grid)} x {len(rest)} codes by your look-up; at least 95 % are the codec's:", bool(same > 0.95))

# %% [markdown]
# **If only the angle counts, where is loudness?** Turn the clip down to half and count how many codes change.

# %%
half = codec.encode(clip.samples * 0.5)[0]
full = codec.encode(clip)[0]
print([f"c{i}: {(half[i] != full[i]).float().mean():.0%}" for i in range(9)])

# %% [markdown]
# Many. How can the angle know? The projection adds the same eight numbers, `offset_in`, to every frame. A quiet frame
# is mostly offset. A loud one points away from it. So direction tells loudness, and without the offset it would not.
# (Here we halve the latents themselves. Half the sound is more than half the latent, because the course codec's encoder
# brings quiet and loud frames closer together. So the count differs from that of c0 above.)

# %%
from course_utils.codec import nearest_by_cosine

for name, offset in (("with", level.offset_in), ("without", 0)):
    loud, soft = (nearest_by_cosine(x @ level.project_in.T + offset, level.codebook) for x in (latents, latents / 2))
    print(f"{name} offset: {(loud != soft).float().mean():.0%} of the first codes change")

# %% [markdown]
# Decode both and compare how loud they are. (0.50 would be perfect.)

# %%
loud, soft = (codec.decode(c[None], length=len(clip.samples)).std() for c in (full, half))
print(f"half-level input comes out at {soft / loud:.2f} of the level")

# %% [markdown]
# > **Paper, article, released code.** The DAC paper speaks of factorised and L2-normalised codes, and credits them with
# > better use of the codebooks. Where an article says "finds the nearest vector", it leaves out that nearness is the
# > angle. And a trap in the released package: the argument `n_quantizers` is ignored while the model is in training
# > mode. Call `.eval()` first.
#
# **Where do the entries come from?** Start 64 entries at random, and many of them are never the nearest to anything.
# They are [dead](glossary.md#dead-entry): nothing in the music pulls at them. Or start them by k-means on the latents
# of our clip, by angle.

# %%
shorts = latents @ level.project_in.T + level.offset_in  # [344, 8]
drawn = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
for name, book in (("random", drawn), ("k-means", kmeans(shorts, 64, assign=nearest_by_cosine))):
    index = nearest_by_cosine(shorts, book)
    cosine = torch.cosine_similarity(shorts, book[index]).mean()
    print(f"{name:8s} {len(index.unique())} of 64 entries in use, mean cosine {cosine:.2f}")

# %% [markdown]
# The course codec's nine codebooks were all started this way, on the latents of its training music, each on what the
# levels before it had left over. From there they were trained with the network. Choosing an entry is a jump, and
# training needs slopes. So training acts as if the latent had passed unchanged, and pulls each latent and its entry
# towards each other. An entry that is hardly ever chosen gets a new place.
#
# ## 6. Nine times T codes
#
# Here is the clip as the models of lesson 02 will see it: nine rows, c0 to c8, and a column for each of T frames. These
# are the first six. T is one more than above: the codec keeps the last, unfinished frame and fills it with silence.

# %%
codes = codec.encode(clip)
codes[0, :, :6]

# %% tags=["nbval-check-output"]
levels, n_frames = codes.shape[1:]
print(f"{levels} x {n_frames} codes for {clip.seconds:.0f} seconds; each between 0 and {codec.codebook_size - 1}")


# %% [markdown] exercise="bit_rate" part="card"
# #### Exercise: How many bits a second?
#
# ●●○○○ difficulty 2 of 5 · about 4 minutes
#
# Each frame has one code from each codebook. Write the bits per second for any number of codebooks, entries and frames
# per second.


# %% tags=["exercise"] exercise="bit_rate"
def bit_rate(codebooks, entries, frame_rate):
    """Bits per second of the codes of a residual vector quantiser."""
    return None  # your code here


bit_rate = check("bit_rate", bit_rate)

# %% [markdown] exercise="bit_rate" part="solution"
# <details>
# <summary>Hint</summary>
#
# To name one of 1024 entries you need 10 bits, because 2 to the power of 10 is 1024.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def bit_rate(codebooks, entries, frame_rate):
#     """Bits per second of the codes of a residual vector quantiser."""
#     return codebooks * math.log2(entries) * frame_rate
# ```
#
# Codebooks x log2(entries) x frames per second.
#
# </details>

# %% [markdown]
# For nine codebooks of 1024 entries at our frame rate this is the 7.75 kbit/s<!-- fact: DAC_BIT_RATE --> of section 1.
#
# ## 7. The ladder
#
# Row c0 alone is a recording too, if a coarse one: that is level 1. Rows c0 and c1 together are level 2, and so on.
# Here are all nine, on one clock.
#
# **Before you press play, predict:** at which level will you first recognise the chord? The beat? From which level on
# can you no longer tell it from the original? (Fewer levels are also quieter. Do not let that decide.)

# %%
from course_utils.show import ladder, level_audio

rungs = []
for n in range(1, 10):
    samples = codec.decode(codes, levels=n, length=len(clip.samples))[0, 0].numpy()
    rungs.append(level_audio(samples, clip.samples, codec.bits_per_second(n)))

ladder(clip, f"{codec.name} codec", rungs, codes[0].numpy(), title="Nine levels of one clip", seed=0)

# %% tags=["nbval-check-output"]
better = all(rungs[n].si_sdr > rungs[n - 1].si_sdr for n in range(1, 9))
print("every level brings the waveform closer:", better)

# %% [markdown]
# Now look at the two error figures of each level, and hear it again. Where they still improve, do you still hear it?
# And compare with section 4: k-means without a network spent 72 bits a frame on its nine levels. Level 7 spends 70. How
# far apart are the two in SI-SDR?
#
# ## 8. Which level carries what?
#
# It is often said that the first codes carry pitch and rhythm, and the later ones timbre and detail. Do not take it on
# trust, measure it. Three questions, each with its own ruler:
#
# - **rhythm**, on the electronic clip: are the note [onsets](glossary.md#onset) still where they were, within 50 ms?
#   (F-measure: the share of both clips' onsets that find a partner; 1 is perfect)
# - **pitch**, on the guitar clip: do the twelve notes of the scale, in whatever octave, go up and down together?
#   ([chroma](glossary.md#chroma) correlation, 1 is perfect)
# - **[timbre](glossary.md#timbre)**, on the guitar clip: how far off is the shape of the spectrum, loudness left out?
#   (mel-cepstral distance in dB, 0 is perfect)

# %%
from course_utils.audio import chroma_similarity, onset_f_measure, spectral_error


def decoded(clip, n):
    return codec.decode(codec.encode(clip), levels=n, length=len(clip.samples))[0, 0].numpy()


def measure(drums, strings):
    rhythm = onset_f_measure(drums, beat.samples)
    return rhythm, chroma_similarity(strings, guitar.samples), spectral_error(strings, guitar.samples)


beat, guitar = demo_clip("electronic"), demo_clip("guitar")
table = [measure(decoded(beat, n), decoded(guitar, n)) for n in range(1, 10)]
for n, (rhythm, pitch, timbre) in enumerate(table, start=1):
    print(f"level {n}: rhythm {rhythm:.2f}  pitch {pitch:.2f}  timbre {timbre:.1f} dB")

# %% [markdown]
# A ruler needs a zero: what does a sound score that knows nothing of the clip? Two candidates: white noise, and what
# the decoder makes of random codes.

# %%
rng = np.random.default_rng(0)
hiss = rng.normal(0, 0.1, len(guitar.samples)).astype(np.float32)
dice = rng.integers(0, codec.codebook_size, (1, codec.n_codebooks, codec.frames(len(guitar.samples))))
babble = codec.decode(torch.from_numpy(dice), length=len(guitar.samples))[0, 0].numpy()
zeros = {"white noise": measure(hiss, hiss), "random codes": measure(babble, babble)}
for name, (rhythm, pitch, timbre) in zeros.items():
    print(f"{name}: rhythm {rhythm:.2f}  pitch {pitch:.2f}  timbre {timbre:.1f} dB")

# %% [markdown]
# On rhythm both score far above 0: where onsets are many, some fall on the beat by chance. On timbre, look how far
# apart the two zeros are. Hardly any music has the spectrum of white noise, so by that zero everything looks close.
# Random codes are the fairer zero: they have the codec's own colour, and lack only what the codes say. How far has each
# level come from there?


# %%
def share(zero):
    return [(column - z) / (column[-1] - z) for column, z in zip(np.array(table).T, zero, strict=True)]


gain = share(zeros["random codes"])  # rhythm, pitch, timbre: [9 levels] each

# %%
import matplotlib.pyplot as plt

from course_utils.show import figure

fig, axis = plt.subplots(figsize=(7, 3.2))
for line, name, mark in zip(gain, ("rhythm", "pitch", "timbre"), "o^s", strict=True):
    axis.plot(range(1, 10), line, marker=mark, label=name)
axis.set(xlabel="levels decoded", ylabel="share of the way\nfrom random codes to level 9")
axis.legend()
at_four = ", ".join(f"{name} {line[3]:.0%}" for name, line in zip(("rhythm", "pitch", "timbre"), gain, strict=True))
figure(fig, f"Share of the way from random codes to level 9, {codec.name} codec, seed 0. At level 4: {at_four}.")

# %% [markdown]
# (A share above 1 is closer than level 9. Rhythm can do that: a few onsets more or less decide it.) How far along is
# each after the first level, and how much of that is the choice of the zero?

# %%
for name, zero in zeros.items():
    rhythm, pitch, timbre = (line[0] for line in share(zero))
    print(f"level 1, from {name}: rhythm {rhythm:.0%}, pitch {pitch:.0%}, timbre {timbre:.0%} of the way")

# %% tags=["nbval-check-output"]
for name, zero in zeros.items():
    ahead = share(zero)[2][0] - share(zero)[1][0]
    print(f"level 1, from {name}: timbre is far ahead of pitch:", bool(ahead > 0.2))
print("level 1, from random codes: rhythm is ahead of both:", bool(gain[0][0] > max(gain[1][0], gain[2][0])))
print("level 3, from random codes: pitch is ahead of timbre:", bool(gain[1][2] > gain[2][2]))

# %% [markdown]
# The zero decides. From white noise, one code a frame seems to tell most of the timbre. From random codes that
# lead is gone: *when* comes first, *which note* follows with two or three codes more, and the shape of the spectrum
# takes longest. So, for this codec and these clips, the saying holds as a tendency. But no level carries one thing
# alone, and an experiment with a careless zero would have told you the opposite.
#
# **And without c0?** Leave the first codebook out and keep the other eight. Or keep only c0. The decoder accepts any
# choice, because all it gets is a sum.

# %%
choices = {"all nine": range(9), "c0 alone": [0], "all but c0": range(1, 9)}
parts = {
    name: codec.decode(codes, codebooks=list(chosen), length=len(clip.samples))[0, 0].numpy()
    for name, chosen in choices.items()
}
clips_player(
    [(name, samples[:44100]) for name, samples in parts.items()],
    title="Which codebooks take part",
    source=f"{codec.name} codec, seed 0",
)

# %%
from course_utils.audio import mel_distance

for name, samples in parts.items():
    waveform, spectrum_error = si_sdr(samples, clip.samples), mel_distance(samples, clip.samples)
    print(f"{name:10s} SI-SDR {waveform:5.1f} dB   mel distance {spectrum_error:.2f}")

# %% tags=["nbval-check-output"]
alone, without = parts["c0 alone"], parts["all but c0"]
print("closer waveform: all but c0:", si_sdr(without, clip.samples) > si_sdr(alone, clip.samples))
print("closer spectrum: c0 alone:", mel_distance(alone, clip.samples) < mel_distance(without, clip.samples))

# %% [markdown]
# Two rulers, two answers. The [mel distance](glossary.md#mel-distance) compares spectra, roughly as we hear them: how
# loud is each band, frame by frame? By that ruler c0 alone beats the other eight together. By the waveform the eight
# win. Yet neither comes close to all nine: corrections need the thing that they correct.
#
# This order, coarse first, is what VampNet builds on in the next lessons: it predicts the first codes, then the rest.
#
# ## 9. Are ten bits ten bits?
#
# A code from 1024 entries takes ten bits. It needs all ten only if all entries are equally common. Are they?

# %%
music_codes = torch.cat([codec.encode(demo_clip(name))[0] for name in ("electronic", "guitar", "ladder")], dim=1)
counts = torch.bincount(music_codes[0], minlength=1024).numpy()
print("frames:", counts.sum(), "- entries used:", int((counts > 0).sum()), "- most common:", int(counts.max()), "times")

# %% [markdown]
# They are not. A shorthand could give common entries short names and rare ones long names. The
# [entropy](glossary.md#entropy) is how many bits a code the best such shorthand needs on average.

# %% [markdown] exercise="entropy_bits" part="card"
# #### Exercise: How many bits does a code really carry?
#
# ●●●○○ difficulty 3 of 5 · about 6 minutes
#
# `counts` says how often each entry was chosen. Return the entropy in bits: minus the sum of each share times its
# logarithm to base 2. Entries that were never chosen count nothing.


# %% tags=["exercise"] exercise="entropy_bits"
def entropy_bits(counts):
    """Entropy in bits of how often each entry was chosen: counts [K] of whole numbers, some of them 0."""
    return None  # your code here


entropy_bits = check("entropy_bits", entropy_bits)

# %% [markdown] exercise="entropy_bits" part="solution"
# <details>
# <summary>Hint</summary>
#
# Keep only `counts[counts > 0]`: 0 times the logarithm of 0 is meant to be 0, but a computer says nan.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def entropy_bits(counts):
#     """Entropy in bits of how often each entry was chosen: counts [K] of whole numbers, some of them 0."""
#     share = counts[counts > 0] / counts.sum()
#     return float(-(share * np.log2(share)).sum())
# ```
#
# Minus the sum of p log2 p over the entries that occur.
#
# </details>

# %% [markdown]
# Three clips are few: about two frames for each entry. A rare entry then looks unused, and `entropy_bits(counts)` comes
# out too low. The model card, the data sheet beside the weights, counted over more music, from its training:

# %%
from course_utils.zoo import read_card

card = read_card("course-codec")
use = card["codebook_use"]
print(use["minutes"], "minutes of music")
for i, (used, bits) in enumerate(zip(use["used"], use["entropy_bits"], strict=True)):
    print(f"c{i}: {used:4.0%} of the entries used, {bits:.2f} bits")

# %% tags=["nbval-check-output"]
saved = 90 - sum(use["entropy_bits"])
print("a better shorthand would save bits:", saved > 0, "- but not many: less than 15 of 90:", saved < 15)

# %% [markdown]
# The gap between entropy and ten bits is all that can be saved on codes taken *one by one*. How much can be guessed
# from the codes **around** them? Guessing codes from their neighbours is exactly what VampNet does, and lesson 02
# measures it.
#
# ## 10. What breaks it?
#
# A codec is good at what it was trained on. Here are a guitar to compare with, and four other cases. Predict their
# order, from best to worst SI-SDR.

# %%
noise = np.random.default_rng(0).normal(0, 0.1, 2 * 44100).astype(np.float32)
music = guitar.samples[: 2 * 44100]
hard = {
    "guitar": music,
    "noise": noise,
    "very quiet guitar": music * 0.003,
    "clipped guitar": np.clip(music * 8, -0.5, 0.5),
    "guitar backwards": music[::-1].copy(),
}
out = {name: codec.decode(codec.encode(x), length=len(x))[0, 0].numpy() for name, x in hard.items()}

# %%
for name, x in hard.items():
    print(f"{name:18s} SI-SDR {si_sdr(out[name], x):6.1f} dB   mel distance {mel_distance(out[name], x):.2f}")

# %% tags=["nbval-check-output"]
ranking = sorted(hard, key=lambda name: si_sdr(out[name], hard[name]))
print("worst waveform:", ranking[0])

# %%
clips_player(
    [("noise", noise[:22050]), ("noise, decoded", out["noise"][:22050])],
    title="Noise, before and after",
    source=f"{codec.name} codec, seed 0",
)

# %% [markdown]
# By SI-SDR noise is the worst: every sample is news, and 90 bits a frame cannot tell 512 pieces of news. The decoded
# noise is noise all the same: its spectrum is about right, and only its samples are wrong. Two rulers, two answers.
# That is why the ladder shows both.
#
# A ruler can be blind, too. The mel distance takes all that lies below a floor as equal, and much of the very quiet
# guitar lies there. So do not trust it in that row.
#
# And digital silence?

# %%
silence = np.zeros(44100, np.float32)
hush = codec.decode(codec.encode(silence), length=44100)[0, 0].numpy()
print(f"silence comes out at {20 * np.log10(np.abs(hush).max() + 1e-9):.0f} dB of full scale")

# %% [markdown]
# Not quite nothing. (For comparison: the smallest step of a 16-bit file lies at -90 dB.) Even silence has to be
# learned: in training, about one stretch of music in eight has a gap cut into it.

# %% [markdown]
# ## 11. Listening test
#
# Level 5 or level 9? Press *Start the blind test*: X is one of the two, drawn anew in each of ten rounds. Both have
# been made equally loud, or loudness would give them away.

# %%
five, nine = (rungs[n - 1].samples[:66150] for n in (5, 9))
five = five * (nine.std() / five.std())
clips_player([("level 5", five), ("level 9", nine)], title="A, B, X", abx=(0, 1))

# %% [markdown]
# <details><summary>How to read your score</summary>
#
# Guessing gives five of ten on average. Nine or ten right would happen by luck about once in a hundred tries. Seven
# right proves nothing: luck alone gets there one time in six.
#
# </details>
#
# ## Your own sound
#
# Put the path of any sound file in here: WAV, FLAC, OGG or MP3, any rate, any length. The first four seconds go
# through the codec. (In a terminal: `course codec --input FILE --out DIR`.)

# %%
from course_utils import load_audio


def through_the_codec(path, seconds=4.0):
    mine = load_audio(path, duration=seconds)
    back = codec.decode(codec.encode(mine), length=len(mine.samples))[0, 0].numpy()
    return clips_player(
        [(mine.name, mine.samples), ("nine levels", back)], title="Your own sound", source=f"{codec.name} codec, seed 0"
    )


path = None  # for example "my_song.mp3"
through_the_codec(path) if path else print("put the path of a sound file above, and run this cell again")

# %% [markdown]
# ## What you can do now
#
# - **Compute** the bit rate of a codec from its codebooks and its hop, and the compression against plain samples.
# - **Quantise** vectors with a codebook, train the codebook with k-means, and explain what residuals save, and what
#   they cost, against one big codebook.
# - **Follow** a frame through DAC's quantiser by hand: project, compare angles, look up, project back, subtract.
# - **Decode** a clip from any levels, and **measure** what each level brings to rhythm, pitch and timbre.
# - **Say** what a codec cannot do, with a figure, and ask of a figure which zero it was measured from.
#
# ## To discuss
#
# 1. (10 min) The first level is trained to be right on its own, the ninth never is. What would change if all nine were
#    trained only together?
# 2. (10 min) SI-SDR says the decoded noise is terrible, the mel distance says it is fine. Which would you use to
#    choose a codec for music? For a court recording?
# 3. (5 min) If codes were perfectly unpredictable from their neighbours, what would be left for VampNet to do?
# 4. (10 min) You may spend about half the bits. Half as many levels, or half as many frames? How would you find out?
#
# <details><summary>For whoever leads the discussion</summary>
#
# 1. Points to quantiser dropout in the DAC paper: in training, half of the examples keep only a random number of
#    levels. That is why the ladder works at every rung.
# 2. There is no single answer: a model that invents plausible detail wins on one ruler and loses on the other.
# 3. Nothing: what a perfect compressor leaves looks like noise, and in noise the neighbours tell nothing.
# 4. Let people propose an experiment first. `codec.decode(codes, levels=4)` is one half of it; the other half needs a
#    codec with a hop of 1024.
#
# </details>
#
# ## Where this comes from
#
# - Residual vector quantisation for audio, and its training with fewer levels: SoundStream (arXiv 2107.03312), section
#   III-C.
# - Factorised, normalised look-up, quantiser dropout, the losses: DAC (arXiv 2306.06546), sections 3.2, 3.3 and 3.5.
# - VampNet's paper (arXiv 2307.04686) makes its [tokens](glossary.md#token) with a precursor of DAC:
#   14<!-- fact: VAMPNET_CODEBOOKS --> codebooks at 57 frames/s<!-- fact: VAMPNET_FRAME_RATE:.0f -->. The next lessons
#   keep DAC's public layout of nine.
# - The course codec's recipe and figures: `data/models/course-codec/card.md`.

# %% [markdown] made="next"
# **Next:** [02 · Masked tokens](02_masked_tokens.ipynb). After it you can train a model that fills gaps, and prove
# that it looks both ways.

# %%
from course_utils.show.frame import downloads

downloads({"ladder_level_9.flac": rungs[8].samples[: 2 * 44100]})

# %%
from course_utils.show.frame import reproducibility

reproducibility(seed=0, models=["course-codec"])
