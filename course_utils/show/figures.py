"""Figures with a description: every image of a lesson says in words what it shows."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from course_utils.show.twins import to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from course_utils.vampnet.masks import Mask


@dataclass(frozen=True)
class Picture:
    """A PNG with its alt text; shows itself in a notebook."""

    png: bytes
    alt: str

    def html(self) -> str:
        """The picture as one <img> element that carries its description."""
        data = base64.b64encode(self.png).decode("ascii")
        return f'<img alt="{html.escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{data}">'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """text/html with the alt text in its <img>, image/png with it as metadata, and text/plain.

        JupyterLab and nbconvert's own template show image/png without any alt text: for them the HTML comes first.
        """
        forms = {"text/html": self.html(), "image/png": self.png, "text/plain": self.alt}
        return forms, {"image/png": {"alt": self.alt}}


def figure(fig: MatplotlibFigure, alt: str, *, dpi: int = 110) -> Picture:
    """A matplotlib figure as a picture with alt text; the figure is closed, so that it is not shown twice.

    ValueError: an alt text that says nothing (fewer than 20 characters).
    """
    if len(alt.strip()) < 20:
        raise ValueError(f"the alt text is {alt!r}: say in a sentence what the figure shows, with its numbers")
    import matplotlib.pyplot as plt

    png = to_png(fig, dpi=dpi, bbox_inches="tight", facecolor="white")
    plt.close(fig)
    return Picture(png, alt.strip())


def mask_figure(mask: Mask, frame_rate: float | None = None, clip: int = 0) -> Picture:
    """A mask as a grid, codebook by frame: dark where tokens are kept, light where they are generated.

    frame_rate: in frames/s, for an axis in seconds; without it the axis counts frames. clip: which one of the batch.
    Raises ValueError for a clip that is not there.
    """
    import matplotlib.pyplot as plt

    batch, codebooks, frames = mask.shape
    if not 0 <= clip < batch:
        raise ValueError(f"the batch has clips 0 to {batch - 1}, so there is no clip {clip}")
    end, unit = (frames / frame_rate, "seconds") if frame_rate else (frames, "frame")
    fig, axis = plt.subplots(figsize=(8, 0.6 + 0.2 * codebooks), layout="constrained")
    kept = ~mask.generate[clip].numpy()
    axis.imshow(kept, aspect="auto", cmap="Blues", vmin=-0.15, vmax=1.15, interpolation="nearest",
                extent=(0, end, codebooks - 0.5, -0.5))  # fmt: skip
    axis.set(xlabel=unit, yticks=range(codebooks), yticklabels=[f"c{c}" for c in range(codebooks)], title=mask.label)
    share = ", ".join(f"c{c} {value:.0%}" for c, value in enumerate(kept.mean(1)))
    told = f"Mask {mask.label}, {codebooks} codebooks by {frames} frames: {kept.mean():.1%} of the tokens are kept"
    return figure(fig, f"{told} (dark), by codebook {share}.")


def images_without_alt(notebook: Mapping[str, Any]) -> list[str]:
    """Every image in a stored notebook (as read from JSON) that has no alt text: "cell 3, output 0: image/png"."""
    found = []
    for c, cell in enumerate(notebook["cells"]):
        for o, output in enumerate(cell.get("outputs", [])):
            for kind in output.get("data", {}):
                if kind.startswith("image/") and not output.get("metadata", {}).get(kind, {}).get("alt", "").strip():
                    found.append(f"cell {c}, output {o}: {kind}")
            text = "".join(output.get("data", {}).get("text/html", []))
            found += [f"cell {c}, output {o}: <img>" for tag in _image_tags(text) if 'alt="' not in tag]
    return found


def _image_tags(text: str) -> list[str]:
    return [piece.split(">", 1)[0] for piece in text.split("<img")[1:]]
