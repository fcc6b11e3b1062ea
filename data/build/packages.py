"""The public packages that everything in data/ is made from, and how to read one file out of them.

Nothing here touches a network: a package is read from a folder where you put it, or from where it is installed.
"""

from __future__ import annotations

import hashlib
import io
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


class MissingPackageError(FileNotFoundError):
    """A source package is neither in the folder given nor installed."""


@dataclass(frozen=True)
class Package:
    """A public package: its archive's name pattern, where its files lie once installed, and how to fetch it."""

    name: str
    archive: str
    installed: Path | None
    fetch: str

    def read(self, member: str, folder: Path | None) -> bytes:
        """Return one file of the package from its archive in `folder`, else from the installed files.

        Raises MissingPackageError, saying how to get it; ValueError if it is another release.
        """
        archives = sorted(folder.glob(self.archive)) if folder else []
        if archives:
            data = read_from_archive(archives[-1], member)
        elif self.installed and (self.installed / member).is_file():
            data = (self.installed / member).read_bytes()
        else:
            raise MissingPackageError(
                f"{self.name} is neither in the packages folder ({folder or 'none given'}) nor installed here. "
                f"Get it with `{self.fetch}` in an empty folder and pass that with --packages."
            )
        return verified(data, member)


PYPI = Path(sysconfig.get_path("purelib"))
VIZDOOM = Package(
    "PyPI vizdoom 1.3.2",
    "vizdoom-1.3.2-*.whl",
    PYPI,
    "pip download --no-deps --only-binary :all: --python-version 3.11 vizdoom==1.3.2",
)
FREEDOOM = Package("Debian freedoom 0.12.1", "freedoom_0.12.1*.deb", Path("/"), "apt-get download freedoom")
FREEDM = Package("Debian freedm 0.12.1", "freedm_0.12.1*.deb", Path("/"), "apt-get download freedm")
FLUID = Package(
    "Debian fluidr3mono-gm-soundfont 2.315",
    "fluidr3mono-gm-soundfont_2.315*.deb",
    Path("/"),
    "apt-get download fluidr3mono-gm-soundfont",
)
SAMPLES = Package(
    "Debian sonic-pi-samples 3.2.2", "sonic-pi-samples_3.2.2*.deb", Path("/"), "apt-get download sonic-pi-samples"
)
SAMPLES_NPM = Package(
    "npm supersonic-scsynth-samples",
    "supersonic-scsynth-samples-*.tgz",
    None,  # an npm package has no usual place
    "npm pack supersonic-scsynth-samples",
)

# SHA-256 of each file read: another release of a package may hold other music under the same name.
EXPECTED = {
    "vizdoom/freedoom1.wad": "7323bcc168c5a45ff10749b339960e98314740a734c30d4b9f3337001f9e703d",
    "vizdoom/freedoom2.wad": "a8772e088847032510d97ba2312406a6998f21cbab44d4ff10696faa9c0ecd4b",
    "usr/share/games/doom/freedm.wad": "f8fddaa129c03d6898eca9111ce139310335952b7b133090a369b153b8f92efe",
    "usr/share/games/doom/freedoom1.wad": "84c3a912f2973892a8025d09d65f5053b1ee2304968a5a172526d683a185b885",
    "usr/share/games/doom/freedoom2.wad": "c72de2af7e2d0c17f6213e751a167e2f1913278aaf37ae6957854fe3cd6588ca",
    "usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3": (
        "cda013d8c370a48ae8dad271e761078d2e77455488dabdedbfbe5fc76a38c682"
    ),
    "loop_garzul.flac": "bc04e06c84a4b6535b8f7bdb51c5b09afe5350421bf16660454e6d370d9ab849",
    "loop_mika.flac": "c31a49960402aa63920882a0edcfbb39296547ae602966bcb34ad870dfbb73fa",
    "arovane_beat_a.flac": "2060f1c91f9a2669b336159a3c18b2f26ce75077412ffe4e594499292960bb75",
    "arovane_beat_b.flac": "3dd2a1fad852e8544bfc9abdc753628465ed50e019e7483b1b7948a7c5b2ba95",
    "guit_em9.flac": "e6dbbdc5aef03fada9cbd84d9ef000472c6954db9badcf5721969c515d46c2f1",
}


def read_sample(name: str, folder: Path | None) -> bytes:
    """Return a recorded sample (`loop_mika.flac`) from the npm package if it is in `folder`, else from Debian's."""
    if folder and any(folder.glob(SAMPLES_NPM.archive)):
        return SAMPLES_NPM.read(f"package/samples/{name}", folder)
    return SAMPLES.read(f"usr/share/sonic-pi/samples/{name}", folder)


def verified(data: bytes, member: str) -> bytes:
    """Return the bytes if they are the ones the course was made from; raise ValueError if they are not."""
    expected = EXPECTED.get(member) or EXPECTED.get(Path(member).name)
    found = hashlib.sha256(data).hexdigest()
    if expected and found != expected:
        raise ValueError(
            f"{member} has SHA-256 {found}, but the course was made from {expected}: this is another release. "
            "Fetch the version named in packages.py, or change it there and re-make everything."
        )
    return data


def read_from_archive(archive: Path, member: str) -> bytes:
    """Return one file from a wheel, a Debian package or an npm tarball; KeyError if it is not inside."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    content = io.BytesIO(debian_data(archive) if archive.suffix == ".deb" else archive.read_bytes())
    with tarfile.open(fileobj=content) as tar:
        names = {name.removeprefix("./"): name for name in tar.getnames()}
        if member not in names:
            raise KeyError(f"{archive.name} holds no {member}")
        file = tar.extractfile(names[member])
        if file is None:
            raise KeyError(f"{member} in {archive.name} is not a plain file")
        return file.read()


def debian_data(package: Path) -> bytes:
    """Return the data archive inside a .deb, which is an `ar` file of 60-byte headers (deb(5), ar(5))."""
    content = package.read_bytes()
    position = 8
    while position + 60 <= len(content):
        name = content[position : position + 16].decode("ascii").strip()
        size = int(content[position + 48 : position + 58])
        if name.startswith("data.tar"):
            return content[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    raise ValueError(f"{package} holds no data.tar: it is damaged or not a Debian package")
