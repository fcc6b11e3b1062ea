"""The decode scrubber: a real decode, pass by pass, seen and heard. No kernel, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from course_utils.show import scrubber_sound as sound
from course_utils.show.pack import WORD, Samples, to_integers
from course_utils.show.player import Player
from course_utils.show.scrubber_trace import Stage, pack_codes, pack_stage, stages_of

if TYPE_CHECKING:
    from course_utils.audio import Clip
    from course_utils.codec.codec import Codec
    from course_utils.vampnet.decoding import Decoded, DecodeSettings

BUDGET = 2_600_000  # characters of the whole fragment: leaves a lesson room for the rest of its 4 MB
MOST = 3_000_000
_FRAME_SHARE = 150_000  # of these, for script, styles and the frame around them


@dataclass(frozen=True, eq=False)
class Run:
    """One decode and how it was made: its settings (coarse stage), a short label, and the seed."""

    decoded: Decoded
    settings: DecodeSettings | None = None
    label: str = ""
    seed: int | None = 0
    fine_settings: DecodeSettings | None = None


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A run, taken apart: its stages, codes int64 [C, T], and the sound after each pass (none without sound)."""

    run: Run
    label: str
    stages: tuple[Stage, ...]
    codes: npt.NDArray[np.int64]
    sounds: list[Samples]

    @property
    def passes(self) -> int:
        return sum(len(stage.steps) for stage in self.stages)

    @property
    def says(self) -> str:
        """Passes, temperatures and seed in words."""
        parts = [" + ".join(str(len(stage.steps)) for stage in self.stages) + " passes"]
        if self.run.settings is not None:
            parts += _settings_words(self.run.settings)
        if self.run.fine_settings is not None and len(self.stages) > 1:
            parts.append("fine stage: " + ", ".join(_settings_words(self.run.fine_settings)))
        if self.run.seed is not None:
            parts.append(f"seed {self.run.seed}")
        return " \u00b7 ".join(parts)


def _settings_words(settings: DecodeSettings) -> list[str]:
    words = [f"temperature {settings.temperature:g}", f"mask temperature {settings.mask_temperature:g}"]
    if settings.top_p is not None:
        words.append(f"top-p {settings.top_p:g}")
    if settings.typical_mass is not None:
        words.append(f"typical mass {settings.typical_mass:g}")
    if settings.gamma.__name__ != "cosine":
        words.append(f"{settings.gamma.__name__} schedule")
    return words


class DecodeScrubber(Player):
    """The passes of a decode to scrub through; make it with `decode_scrubber`."""

    module = "scrubber"
    height = 1000

    def __init__(
        self,
        runs: Sequence[Run],
        codec: Codec,
        clip: Clip | None,
        model: str,
        title: str,
        item: int,
        with_sound: bool,
        budget: int,
    ) -> None:
        if not 0 < budget <= MOST:
            raise ValueError(f"a fragment may take 1 to {MOST:,} characters, not {budget:,}")
        self.codec, self.clip, self.model, self.title = codec, clip, model, title
        self.rate, self.hop = codec.sample_rate, codec.hop
        self.runs = [_prepare(run, codec, item, with_sound, "AB"[i]) for i, run in enumerate(runs)]
        self.frames = int(self.runs[0].codes.shape[1])
        self.seconds = self.frames * self.hop / self.rate
        self.original = _original(clip, self.frames * self.hop, self.rate)
        self.original_codes = None if clip is None else _codes_of(codec, self.original, self.runs)
        _check_runs(self.runs)
        self.with_sound = with_sound
        self._cells = [[pack_stage(stage) for stage in run.stages] for run in self.runs]
        self.plan: sound.Plan | None = None
        self.sounds: list[sound.Sound] = []
        self._stored: list[list[int]] = []  # the passes of each run that have a sound of their own
        if with_sound:
            self._store_sounds(budget)

    # --- sound ----------------------------------------------------------------------------------------------------

    def _store_sounds(self, budget: int) -> None:
        cells = sum(len(stage["words"]) + len(stage["open"]) for run in self._cells for stage in run)
        room = budget - _FRAME_SHARE - cells - 30_000 * len(self.runs)
        whole = [run.sounds[-1] for run in self.runs] + ([] if self.original is None else [self.original])
        counts = [run.passes - 1 for run in self.runs]
        while True:
            plan = sound.plan_for(self.seconds, counts, whole, self.rate, room)
            stored = [sound.passes_stored(n, plan.every) for n in counts]
            tracks = [run.sounds[n - 1] for run, numbers in zip(self.runs, stored, strict=True) for n in numbers]
            packed = sound.pack_passes(tracks, self.rate, plan.kbps)
            packed += [sound.pack_whole(s, self.rate, plan.bits) for s in whole]
            excess = sum(len(s.text) for s in packed) - (budget - _FRAME_SHARE - cells - 30_000 * len(self.runs))
            if excess <= 0:
                break
            room -= excess  # the estimate was too hopeful: aim lower
        self.plan, self.sounds, self._stored = plan, packed, stored

    def _sound_numbers(self) -> list[list[int]]:
        """For each run, which sound is heard after pass 1, 2, ...: the nearest stored one."""
        first, out = 0, []
        for i, run in enumerate(self.runs):
            numbers = self._stored[i]
            nearest = [int(np.argmin([abs(n - p) for n in numbers])) for p in range(1, run.passes)] if numbers else []
            out.append([first + k for k in nearest])
            first += len(numbers)
        for i, row in enumerate(out):
            row.append(first + i)  # the last pass is the result, stored whole
        return out

    @cached_property
    def errors(self) -> dict[str, float]:
        """Mel distances: "opus" (passes as stored against as decoded, mean of three), "codec" (against the clip)."""
        from course_utils.audio import mel_distance

        found: dict[str, float] = {}
        if self.plan is None:
            return found
        tracks = self.runs[0].sounds[:-1]
        if tracks:
            chosen = [tracks[i] for i in sorted({0, len(tracks) // 2, len(tracks) - 1})]
            coded = [sound.from_opus(sound.opus_bytes(s, self.rate, self.plan.kbps), self.rate, len(s)) for s in chosen]
            found["opus"] = float(np.mean([mel_distance(c, s) for c, s in zip(coded, chosen, strict=True)]))
        if self.original is not None and self.original_codes is not None:
            import torch

            own = self.codec.decode(torch.from_numpy(self.original_codes)[None], length=len(self.original))
            found["codec"] = float(mel_distance(own[0, 0].numpy(), self.original))
        return found

    @property
    def note(self) -> str:
        """What is done to the sound and the numbers on their way into the page, and what that costs."""
        text = (
            "After a pass you hear what the decoder would give if it stopped there: all guesses of that pass, also "
            "those that are then dropped"
        )
        if len(self.runs[0].stages) > 1:
            rows = self.runs[0].stages[0].rows
            text += f"; the coarse passes through the {rows} coarse codebooks alone, the fine passes through all"
        text += ". "
        if self.plan is None:
            return text.replace("you hear what", "the grid shows what") + "No sound is stored. " + _PRECISION
        whole = "Original and result are" if self.original is not None else "The result is"
        if self.plan.bits:
            bits = "" if self.plan.bits == WORD else f", rounded to {self.plan.bits} bits"
            text += f"{whole} stored without loss (FLAC{bits})"
        else:
            text += f"{whole} stored as Opus of {sound.WHOLE_RATE} kbit/s"
        text += f", the passes before as Opus of about {self.plan.kbps} kbit/s"
        if self.plan.every > 1:
            text += f", one pass in {self.plan.every}; between them the nearest is heard"
        if "opus" in self.errors:
            text += f". That changes them by a mel distance of {self.errors['opus']:.2f}"
            if "codec" in self.errors:
                text += f"; the codec itself, from clip to clip, by {self.errors['codec']:.2f}"
        return text + ". Nothing is normalised. " + _PRECISION

    # --- what a player gives ----------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """What js/scrubber.js reads."""
        numbers = self._sound_numbers() if self.with_sound else [[] for _ in self.runs]
        return {
            "title": self.title,
            "subtitle": self.source,
            "seconds": self.seconds,
            "rate": self.rate,
            "hop": self.hop,
            "frames": self.frames,
            "entries": self.codec.codebook_size,
            "clip": None if self.clip is None else self.clip.name,
            "original_codes": None if self.original_codes is None else pack_codes(self.original_codes),
            "runs": [
                {
                    "label": run.label,
                    "says": run.says,
                    "rows": int(run.codes.shape[0]),
                    "codes": pack_codes(run.codes),
                    "stages": stages,
                    "sounds": row,
                }
                for run, stages, row in zip(self.runs, self._cells, numbers, strict=True)
            ],
            "stored": self._stored,
            "original": len(self.sounds) - 1 if self.with_sound and self.original is not None else None,
            "sounds": [s.data() for s in self.sounds],
            "tracks": [],
            "note": self.note,
            "alt": self.alt,
        }

    @property
    def source(self) -> str:
        """Model, clip, settings and seed: every recorded figure says which made it."""
        parts = [f"Model: {self.model}"] + ([] if self.clip is None else [f"clip: {self.clip.name}"])
        if len(self.runs) == 1:
            return " \u00b7 ".join([*parts, self.runs[0].says])
        return " \u00b7 ".join(parts + [f"{run.label}: {run.says}" for run in self.runs])

    @property
    def alt(self) -> str:
        """The decode in words: sizes, prompt, how the count of masked cells falls, how sure the kept guesses were."""
        text = f"{self.title}. {self.source}. A grid of {self.runs[0].codes.shape[0]} codebooks by {self.frames} "
        text += f"frames ({self.seconds:.1f} s) is filled in pass by pass. "
        return text + " ".join(_in_words(run, len(self.runs) > 1) for run in self.runs)

    def picture(self) -> bytes:
        """Small multiples of the passes, the schedule, the spread of the confidence, and the legend."""
        from course_utils.show.scrubber_picture import scrubber_picture

        named = [(run.label if len(self.runs) > 1 else "", run.stages, run.codes.shape[0]) for run in self.runs]
        return scrubber_picture(self.title, self.source, named, self.seconds)

    def integers(self) -> list[npt.NDArray[np.int16]]:
        """The samples of what is stored without loss, the results first, then the original: int16 [N] each."""
        if self.plan is None or not self.plan.bits:
            return []
        whole = [run.sounds[-1] for run in self.runs] + ([] if self.original is None else [self.original])
        return [to_integers(s, self.plan.bits) for s in whole]


_PRECISION = "Tokens, ranks and what became of each cell are exact; probabilities are within 2.2 %."


def _prepare(run: Run, codec: Codec, item: int, with_sound: bool, letter: str) -> _Prepared:
    stages = stages_of(run.decoded, item)
    codes = run.decoded.codes[item].detach().cpu().numpy().astype(np.int64)
    if codes.shape[0] > codec.n_codebooks:
        raise ValueError(f"the codes have {codes.shape[0]} codebooks, the codec {codec.n_codebooks}: of another codec")
    if codes.min() < 0 or codes.max() >= codec.codebook_size:
        raise ValueError(f"the decoded codes run from {codes.min()} to {codes.max()}: this decode is not finished")
    for stage in stages:
        if stage.first + stage.rows > codes.shape[0]:
            raise ValueError(
                f"the trace speaks of codebook c{stage.first + stage.rows - 1}, the codes have {codes.shape[0]} rows: "
                "trace and codes are not of one decode"
            )
    sounds = sound.sound_after(codec, stages, codes) if with_sound else []
    return _Prepared(run, run.label or letter, stages, codes, sounds)


def _original(clip: Clip | None, length: int, rate: int) -> Samples | None:
    if clip is None:
        return None
    if clip.rate != rate:
        raise ValueError(f"the clip has {clip.rate} Hz, the codec {rate}: load it at the codec's rate")
    samples = np.asarray(clip.samples[:length], dtype=np.float32)
    return np.pad(samples, (0, length - len(samples)))


def _codes_of(codec: Codec, original: Samples | None, runs: Sequence[_Prepared]) -> npt.NDArray[np.int64] | None:
    if original is None:
        return None
    codes: npt.NDArray[np.int64] = codec.encode(original)[0].numpy().astype(np.int64)
    return codes[: runs[0].codes.shape[0]]


def _check_runs(runs: Sequence[_Prepared]) -> None:
    shapes = {run.codes.shape for run in runs}
    if len(shapes) > 1:
        sizes = " and ".join(f"[{c}, {t}]" for c, t in (run.codes.shape for run in runs))
        raise ValueError(f"two runs are compared cell by cell, these have codes {sizes}: decode the same clip twice")
    splits = {tuple((s.first, s.rows) for s in run.stages) for run in runs}
    if len(splits) > 1:
        raise ValueError(f"the runs have different stages, (first codebook, codebooks): {sorted(splits)}")


def _in_words(run: _Prepared, named: bool) -> str:
    parts = []
    for stage in run.stages:
        total, count = int(stage.start.sum()), len(stage.steps)
        marks = sorted({1, max(1, count // 4), max(1, count // 2), max(1, 3 * count // 4), count})
        left = ", ".join(f"{stage.steps[n - 1].done} after pass {n}" for n in marks)
        prompt = int(stage.start.size) - total
        parts.append(
            f"Codebooks c{stage.first} to c{stage.first + stage.rows - 1}: {prompt} cells are given as prompt, {total} "
            f"start masked; still masked are {left}. {_sureness(stage)}"
        )
    return (f"Run {run.label}: " if named else "") + " ".join(parts)


def _sureness(stage: Stage) -> str:
    found = [(n, step.probability[step.kept]) for n, step in enumerate(stage.steps, start=1) if step.kept.any()]
    if not found:
        return "Nothing is generated."
    (first, early), (last, late) = found[0], found[-1]
    return (
        f"The {len(early)} guesses kept in pass {first} have a median probability of {np.median(early):.3f}, the "
        f"{len(late)} kept in pass {last} of {np.median(late):.3f}."
    )


def decode_scrubber(
    decoded: Decoded,
    codec: Codec,
    settings: DecodeSettings | None = None,
    *,
    clip: Clip | None = None,
    model: str = "course",
    seed: int | None = 0,
    label: str = "",
    title: str = "The decode, pass by pass",
    compare: Run | None = None,
    fine_settings: DecodeSettings | None = None,
    item: int = 0,
    sound: bool = True,
    budget: int = BUDGET,
) -> DecodeScrubber:
    """The scrubber of a decode with its trace: one stage or several (coarse, fine), and the sound after every pass.

    decoded: codes [B, C, T] and trace; clip number `item` of it is shown. settings, fine_settings, model, seed: shown,
    because every recorded figure says how it was made. clip: the original, to switch to. compare: a second run of
    the same clip, seen beside the first. budget: characters of the fragment, at most 3,000,000.
    ValueError: a trace that does not belong to the codes or is of a clip in chunks, runs of different size, a clip
    of another rate, more than fits the budget. RuntimeError: a soundfile without Opus.
    """
    runs = [Run(decoded, settings, label, seed, fine_settings)] + ([] if compare is None else [compare])
    return DecodeScrubber(runs, codec, clip, model, title, item, sound, budget)
