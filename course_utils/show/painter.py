"""The mask painter: choose or paint which tokens are kept, see what that costs in bits, and hear what it makes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from course_utils.show import twins
from course_utils.show.pack import Samples
from course_utils.show.pack_lossy import lossy_note, pack_lossy_within
from course_utils.show.player import Player
from course_utils.show.prompted import Prompted, figures_in_words
from course_utils.show.sounds import clips_player

if TYPE_CHECKING:
    import torch

    from course_utils.codec import Codec
    from course_utils.vampnet.beats import Beats
    from course_utils.vampnet.decoding import DecodeSettings
    from course_utils.vampnet.masks import Mask
    from course_utils.vampnet.models import VampNetModels

PAINTER_BUDGET = 1_000_000  # characters of packed sound
LABELS = {
    "vamp": "Vamp",
    "dense": "Dense vamp",
    "inpaint": "Inpaint",
    "beat": "Beats",
    "continue": "Continue",
    "compress": "Compress",
    "random": "Random",
}
REST = "Where a kernel runs, what the painter's button Generate makes is heard here."
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Option:
    """One parameter of a strategy's button: its name, words, value, range and step; whole: whole numbers only."""

    name: str
    label: str
    value: float
    low: float
    high: float
    step: float
    unit: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Button:
    """A strategy in the painter: `how` is the function of js/masks.js (and of `masks`) that makes its mask."""

    id: str
    how: str
    options: tuple[Option, ...]

    @property
    def values(self) -> dict[str, float]:
        """The parameters as they stand at first."""
        return {option.name: option.value for option in self.options}


def buttons(style: str, shape: Sequence[int], frame_rate: float) -> list[Button]:
    """The strategies with the parameters of a style, for codes of this shape. Raises ValueError for another style."""
    from course_utils.vampnet.masks import seconds_of
    from course_utils.vampnet.strategies import STRATEGIES, preset

    _, codebooks, frames = shape
    seconds = seconds_of(frames, frame_rate)
    made = [_button(name, preset(name, style), codebooks, frames, seconds) for name in STRATEGIES]
    chance = Option("ratio", "generated, as a share", 0.8, 0, 1, 0.05)
    return [*made, Button("random", "randomRatio", (chance, Option("seed", "seed", 0, 0, 2**32 - 1, 1, "", True)))]


def _button(name: str, numbers: Any, codebooks: int, frames: int, seconds: float) -> Button:
    if name in ("vamp", "dense"):
        return Button(name, "periodic", (
            Option("period", "every", numbers.period, 1, frames, 1, "frames", True),
            Option("width", "keep", 1, 1, frames, 1, "frames", True),
            Option("roll", "starting at", 0, 0, frames - 1, 1, "", True),
        ))  # fmt: skip
    if name == "inpaint":
        scale = min(1.0, seconds / 10) if seconds <= numbers.stop else 1.0  # as `strategy` does with a short clip
        return Button(name, "inpaintSpan", (
            Option("start", "generate from", numbers.start * scale, 0, round(seconds, 2), 0.1, "s"),
            Option("stop", "to", numbers.stop * scale, 0, round(seconds, 2), 0.1, "s"),
        ))  # fmt: skip
    if name == "beat":
        return Button(name, "beats", (
            Option("before", "keep", numbers.kept_before, 0, 1, 0.005, "s before"),
            Option("after", "and", numbers.kept_after, 0, 1, 0.005, "s after each beat"),
        ))  # fmt: skip
    if name == "continue":
        prefix = min(max(round(numbers.share * frames), 1), max(frames - 1, 1))
        return Button(name, "continuation", (Option("prefix", "keep the first", prefix, 1, max(frames - 1, 1), 1,
                                                    "frames", True),))  # fmt: skip
    kept = min(numbers.codebooks, codebooks)
    first = Option("codebooks", "keep the first", kept, 0, codebooks, 1, "codebooks", True)
    return Button(name, "compression", (first,))


def button_mask(
    button: Button, options: Mapping[str, float], shape: Sequence[int], frame_rate: float, beats: Sequence[float] = ()
) -> Mask:
    """The mask that a button makes with these parameters, for codes of this shape. Raises MaskError as `masks`."""
    from course_utils.vampnet import masks

    if button.how == "periodic":
        return masks.periodic(shape, int(options["period"]), int(options["width"]), int(options["roll"]))
    if button.how == "inpaintSpan":
        return masks.inpaint_span(shape, options["start"], options["stop"], frame_rate)
    if button.how == "beats":
        return masks.beats(shape, beats, frame_rate, options["before"], options["after"])
    if button.how == "continuation":
        return masks.continuation(shape, int(options["prefix"]))
    if button.how == "compression":
        return masks.compression(shape, int(options["codebooks"]))
    return masks.random_ratio(shape, options["ratio"], int(options["seed"]))


class Painter(Player):
    """The mask painter; make it with `mask_painter`."""

    module = "painter"
    height = 900

    def __init__(
        self,
        codes: torch.Tensor,
        codec: Codec,
        original: Samples,
        models: VampNetModels | None,
        beats: Beats | None,
        recorded: Sequence[Prompted],
        style: str,
        settings: DecodeSettings,
        fine: DecodeSettings | None,
        seed: int,
        first: str,
        title: str,
        source: str,
        budget: int,
    ) -> None:
        self.codes, self.codec, self.original, self.models = codes, codec, original, models
        self.beats = beats
        self.recorded, self.style, self.seed, self.first = list(recorded), style, seed, first
        self.settings, self.fine, self.title, self.source = settings, fine, title, source
        self.buttons = buttons(style, codes.shape, codec.frame_rate)
        _check_recorded(self)
        self.tracks = pack_lossy_within([original, *(item.samples for item in recorded)], codec.sample_rate, budget)
        self.bridge: Bridge | None = None

    @property
    def made(self) -> Prompted | None:
        """What the button Generate made last, with a kernel; None before."""
        return None if self.bridge is None else self.bridge.made

    @property
    def times(self) -> list[float]:
        """Beats in seconds."""
        return [] if self.beats is None else list(self.beats.times)

    def mask_of(self, name: str) -> Mask:
        """The mask that a button makes as it stands at first. Raises ValueError for a name that there is not."""
        for button in self.buttons:
            if button.id == name:
                return button_mask(button, button.values, self.codes.shape, self.codec.frame_rate, self.times)
        raise ValueError(f"the painter has no button {name!r}: it has {', '.join(LABELS)}")

    def first_masks(self) -> list[tuple[str, Mask]]:
        """Name and mask of every button as it stands at first; without beats, the beat-driven one is left out."""
        names = [button.id for button in self.buttons if button.id != "beat" or self.times]
        return [(LABELS[name], self.mask_of(name)) for name in names]

    @property
    def alt(self) -> str:
        """The painter in words: the grid, and for every strategy what is kept and what it costs."""
        _, codebooks, frames = self.codes.shape
        parts = [
            f"{name} keeps {mask.kept_fraction:.1%} ({mask.bits_per_second(self.codec.frame_rate):,.0f} bit/s)"
            for name, mask in self.first_masks()
        ]
        heard = ", ".join(LABELS[item.strategy.name] for item in self.recorded) or "none"
        return (
            f"{self.title}: a mask over {codebooks} codebooks by {frames} frames of {self.source}. "
            f"{'; '.join(parts)}. Recorded and to be heard without a kernel: {heard}."
        )

    @property
    def note(self) -> str:
        """Where sounds and beats come from, and what is done to the sounds on their way into the page."""
        made = f" The recorded results were made by {_makers(self.recorded)}." if self.recorded else ""
        beat = f" Beats: {self.beats}." if self.beats is not None else ""
        grid = "Colour marks kept tokens, each code its own; empty ones are generated."
        return f"{grid}{made}{beat} {lossy_note(self.tracks)}"

    def data(self) -> dict[str, Any]:
        """What js/painter.js reads."""
        from course_utils.vampnet.painted import mask_text

        rate = self.codec.sample_rate
        have = {item.strategy.name for item in self.recorded}
        return {
            "title": self.title,
            "subtitle": self.source,
            "seconds": len(self.original) / rate,
            "rate": rate,
            "hop": self.codec.hop,
            "frame_rate": self.codec.frame_rate,
            "entries": self.codec.codebook_size,
            "codes": self.codes[0].tolist(),
            "beats": self.times,
            "first": self.first,
            "strategies": [
                {"id": b.id, "label": LABELS[b.id], "how": b.how, "recorded": b.id in have,
                 "options": [vars(option) for option in b.options]}
                for b in self.buttons
            ],
            "recorded": [
                {"name": LABELS[item.strategy.name], "mask": mask_text(item.strategy.mask), "track": track,
                 "says": f"{item.says} Seed {item.seed}."}
                for track, item in enumerate(self.recorded, start=1)
            ],
            "bridge": self.bridge.name if self.bridge else None,
            "note": self.note,
            "alt": self.alt,
            "tracks": [track.data() for track in self.tracks],
        }  # fmt: skip

    def picture(self) -> bytes:
        """The mask of every strategy on the clip's codes, with what it keeps and costs."""
        return masks_picture(self.title, self.source, self.first_masks(), self.codes[0].numpy(), self.codec.frame_rate)

    def make(self, mask: Mask, progress: Progress | None = None) -> Prompted:
        """Decode with a mask, now, on the models. Raises ValueError without models, and as `generate`."""
        from course_utils.vampnet.generate import generate
        from course_utils.vampnet.result import measure
        from course_utils.vampnet.strategies import Strategy

        if self.models is None:
            raise ValueError("the painter has no models: pass models=load_vampnet()")
        result = generate(self.models, self.codes, mask, self.settings, self.fine, self.seed, progress, trace=False)
        samples = self.codec.decode(result.codes, length=len(self.original))[0, 0].numpy()
        outcome = measure(self.codes, result.codes, mask, self.codec.frame_rate, self.codec.codebook_size,
                          audio=(self.original, samples), rate=self.codec.sample_rate)  # fmt: skip
        says = f"painted, temperature {self.settings.temperature:g}, {self.settings.passes} passes"
        prompt = Strategy("painted", self.style, mask, self.settings, self.fine or self.settings, says)
        return Prompted(prompt, samples, outcome, self.models.name, self.seed)

    def _ipython_display_(self) -> None:
        """Show the painter, with models the fields through which a kernel hears of it, and its still twin."""
        from IPython.display import display

        if self.models is not None:
            self.bridge = Bridge(self)
        display({"text/html": self.html(), "text/plain": self.alt}, raw=True)
        if self.bridge is not None:
            self.bridge.show()
        display({"image/png": base64.b64encode(self.png()).decode("ascii"), "text/plain": "(the same as a picture)"},
                metadata={"image/png": {"alt": self.alt}}, raw=True)  # fmt: skip


class Bridge:
    """Two hidden text fields (ipywidgets) between the page and the kernel, and the place where results appear."""

    def __init__(self, painter: Painter) -> None:
        import ipywidgets

        self.painter, self.name, self.place = painter, f"two-poles-{uuid4().hex[:12]}", uuid4().hex
        hidden = ipywidgets.Layout(display="none")
        self.question = ipywidgets.Textarea(placeholder=f"{self.name} ask", layout=hidden)
        self.reply = ipywidgets.Text(placeholder=f"{self.name} answer", layout=hidden)
        self.box = ipywidgets.VBox([self.question, self.reply])
        self.made: Prompted | None = None
        self._last = ""
        self.question.observe(self._asked, names="value")

    def show(self) -> None:
        """Put the fields and the place for results into the cell's output."""
        from IPython.display import display

        words = {"text/html": f"<small>{REST}</small>", "text/plain": REST}
        display({**self.box._repr_mimebundle_(), "text/html": "", "text/plain": ""}, raw=True)
        display(words, raw=True, display_id=self.place)

    def _asked(self, change: Any) -> None:
        from course_utils.vampnet.painted import painted

        request, _, line = str(change["new"]).partition(" ")
        if not line or request == self._last:
            return
        self._last = request
        try:
            self.made = self.painter.make(painted(line, self.painter.codes.shape), self._progress(request))
            self._hear(self.made)
        except (ValueError, RuntimeError) as error:  # said in the page: a traceback in a log helps no reader
            self.reply.value = f"{request} error: {error}"
            return
        self.reply.value = f"{request} done: {figures_in_words(self.made.outcome)} Hear it below."

    def _progress(self, request: str) -> Progress:
        def tell(done: int, total: int) -> None:
            self.reply.value = f"{request} Pass {done} of {total}."

        return tell

    def _hear(self, made: Prompted) -> None:
        from IPython.display import display

        player = clips_player(
            [("Original", self.painter.original), ("Your prompt", made.samples)],
            self.painter.codec.sample_rate,
            "What your mask makes",
            source=f"{self.painter.source}, {made.strategy.says}, seed {made.seed}",
            notes=["", f"{made.outcome.kept_fraction:.1%} kept"],
        )
        display({"text/html": player.html(), "text/plain": player.alt}, raw=True, display_id=self.place, update=True)


def _makers(recorded: Iterable[Prompted]) -> str:
    items = list(recorded)
    models = sorted({item.model for item in items})
    seeds = sorted({item.seed for item in items})
    return f"the {' and '.join(models)} model, seed {', '.join(map(str, seeds))}"


def _check_recorded(painter: Painter) -> None:
    by_name = {button.id: button for button in painter.buttons}
    for item in painter.recorded:
        name = item.strategy.name
        if name not in by_name:
            raise ValueError(f"recorded is {name!r}: the painter's strategies are {', '.join(by_name)}")
        if len(item.samples) != len(painter.original):
            raise ValueError(
                f"{name} has {len(item.samples)} samples, the original {len(painter.original)}: give both one length"
            )
        if item.strategy.mask != painter.mask_of(name):
            raise ValueError(
                f"the recorded {name} was made with another mask than its button makes in the style "
                f"{painter.style!r}: record it with strategy({name!r}, {painter.style!r}, ...), or say its style"
            )


def masks_picture(
    title: str,
    made_by: str,
    shown: Sequence[tuple[str, Mask]],
    codes: npt.NDArray[np.integer[Any]],
    frame_rate: float,
) -> bytes:
    """Masks as PNG: for each (name, mask of batch 1) the kept codes of int [C, T] in colour, share and bits/s."""
    from matplotlib.figure import Figure

    columns = 2
    rows = -(-len(shown) // columns)
    tall = 0.85 + 1.3 * rows
    fig = Figure(figsize=(10, tall), dpi=100, facecolor="white")
    fig.text(0.045, 1 - 0.24 / tall, title, fontsize=13, fontweight="bold", color=twins.INK, va="center")
    fig.text(0.045, 1 - 0.49 / tall, made_by, fontsize=9, color=twins.SOFT, va="center")
    grid = fig.add_gridspec(
        rows, columns, left=0.045, right=0.99, top=1 - 0.9 / tall, bottom=0.3 / tall, wspace=0.08, hspace=0.6
    )
    length = codes.shape[1] / frame_rate
    for i, (name, mask) in enumerate(shown):
        axes = fig.add_subplot(grid[i // columns, i % columns])
        kept = np.where(mask.generate[0].numpy(), np.nan, codes / 1023 * 0.6 + 0.24).repeat(8, axis=0)
        axes.imshow(np.ones_like(kept), aspect="auto", cmap="Greys", vmin=0, vmax=12,
                    extent=(0, length, len(codes), 0))  # fmt: skip
        axes.imshow(kept, aspect="auto", cmap=twins.palette(), vmin=0, vmax=1, interpolation="antialiased",
                    extent=(0, length, len(codes), 0))  # fmt: skip
        words = f"{name}: keeps {mask.kept_fraction:.1%}, {mask.bits_per_second(frame_rate) / 1000:.2f} kbit/s"
        axes.set_title(words, fontsize=9, color=twins.INK, loc="left", pad=3)
        axes.set_yticks([0.5, len(codes) - 0.5], ["c0", f"c{len(codes) - 1}"])
        axes.tick_params(labelsize=7, colors=twins.SOFT, length=2)
        for side in axes.spines.values():
            side.set_visible(False)
    return twins.to_png(fig)


def mask_painter(
    codes: torch.Tensor,
    codec: Codec,
    models: VampNetModels | None = None,
    beats: Beats | None = None,
    recorded: Sequence[Prompted] = (),
    *,
    original: Samples | None = None,
    style: str = "wild",
    settings: DecodeSettings | None = None,
    fine: DecodeSettings | None = None,
    seed: int = 0,
    first: str = "vamp",
    clip: str = "a clip",
    title: str = "The mask painter",
    budget: int = PAINTER_BUDGET,
) -> Painter:
    """The mask painter on codes int64 [1, C, T] of one clip; with `models`, a running kernel generates from it.

    beats: for the beat-driven prompt. recorded: results that are heard without a kernel, each made with the mask that
    its button makes in this style (`strategy(name, style, ...)`, then `prompted`). original: samples float32 [N],
    without them the codec's rendering of the codes. settings, fine: of the two stages when a kernel generates; without
    them the passes of the paper at the style's temperature for vamping. first: the button pressed at first. budget: in
    characters of packed sound.
    Raises MaskError for codes of another shape, ValueError for a style, button or recording that does not fit.
    """
    from course_utils.vampnet.decoding import DecodeSettings
    from course_utils.vampnet.masks import MaskError
    from course_utils.vampnet.strategies import preset

    if codes.ndim != 3 or codes.shape[0] != 1 or codes.is_floating_point():
        raise MaskError(f"the painter takes whole-number codes [1, codebooks, frames], not {list(codes.shape)} of "
                        f"{codes.dtype}: choose a clip of the batch, codes[:1]")  # fmt: skip
    if first not in LABELS or (first == "beat" and not beats):
        raise ValueError(f"first is {first!r}: choose one of {', '.join(LABELS)}, 'beat' only with beats")
    if original is None:
        original = codec.decode(codes)[0, 0].numpy()
    settings = settings or DecodeSettings(temperature=preset("vamp", style).temperature)
    source = f"{clip}, {codec.name} codec" + (f", {models.name} VampNet" if models is not None else "")
    return Painter(codes, codec, np.asarray(original, dtype=np.float32), models, beats, recorded, style, settings, fine,
                   seed, first, title, source, budget)  # fmt: skip
