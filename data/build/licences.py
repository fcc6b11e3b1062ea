"""The licences and credits of the material, copied from the packages they came with."""

from __future__ import annotations

import gzip
from pathlib import Path

from packages import FLUID, FREEDOOM, SAMPLES_NPM


def build(target: Path, packages: Path | None) -> None:
    """Write the licence file of each source beside what was made from it."""
    doc = "usr/share/doc"
    texts = {
        "midi/freedoom/LICENCE-freedoom.txt": FREEDOOM.read(f"{doc}/freedoom/copyright", packages),
        "midi/freedoom/CREDITS-freedoom.txt": gzip.decompress(FREEDOOM.read(f"{doc}/freedoom/CREDITS.gz", packages)),
        "soundfont/LICENCE-FluidR3Mono.txt": FLUID.read(f"{doc}/fluidr3mono-gm-soundfont/copyright", packages),
        "clips/LICENCE-samples-CC0.txt": SAMPLES_NPM.read("package/LICENSE", packages),
    }
    for name, text in texts.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
