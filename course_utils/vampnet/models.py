"""The two networks that work together, and what they must agree on with each other and with the codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course_utils.vampnet.transformer import VampNet, check_codes

if TYPE_CHECKING:
    from course_utils.codec import Codec


class ModelError(ValueError):
    """Networks, codes or codec that do not belong together; the message says what differs."""


@dataclass(frozen=True)
class VampNetModels:
    """A coarse network, and the fine one that is given its codebooks.

    name: as `load_vampnet` takes it. codec_sha256: of the weights of the codec whose tokens both were trained on, ""
    where unknown. Raises ModelError for networks that do not fit each other.
    """

    name: str
    coarse: VampNet
    fine: VampNet
    codec_sha256: str = ""

    def __post_init__(self) -> None:
        check_stages(self.coarse, self.fine)

    @property
    def n_codebooks(self) -> int:
        """Number of codebooks of a clip's codes."""
        return self.fine.config.codebooks

    @property
    def n_coarse(self) -> int:
        """Number of codebooks that the coarse network predicts; the fine one predicts the others."""
        return self.coarse.config.codebooks

    @property
    def codebook_size(self) -> int:
        """Entries of one codebook."""
        return self.fine.config.vocabulary

    @property
    def mask_token(self) -> int:
        """The code that stands for "not known"."""
        return self.fine.config.mask_token

    def check_codes(self, codes: Tensor) -> None:
        """Raise ModelError unless codes have this model's number of codebooks, ValueError unless they are codes.

        Codes are int64 [B, C, T], from 0 to the mask token.
        """
        if codes.ndim == 3 and codes.shape[1] != self.n_codebooks:
            raise ModelError(
                f"the codes have {codes.shape[1]} codebooks, the model {self.name!r} takes {self.n_codebooks}: they "
                "come from another codec; encode the sound with the codec that this model was trained on"
            )
        check_codes(codes, self.fine.config)

    def check_codec(self, codec: Codec) -> None:
        """Raise ModelError unless the codec has the very codebooks that the networks were given.

        Equal numbers of codebooks are not enough: the same code would be another sound.
        """
        seen = (codec.n_codebooks, codec.codebook_size)
        if seen != (self.n_codebooks, self.codebook_size):
            raise ModelError(
                f"the codec {codec.name!r} has {seen[0]} codebooks of {seen[1]} entries, the model {self.name!r} takes "
                f"{self.n_codebooks} of {self.codebook_size}: load the codec that this model was trained on"
            )
        for level in range(self.n_codebooks):
            if not _same_entries(self.fine.codebooks[level], codec.codebook(level)):
                raise ModelError(
                    f"codebook c{level} of the codec {codec.name!r} is not the one that the model {self.name!r} knows: "
                    "its codes would mean other sounds; load the codec that this model was trained on"
                )


def check_stages(coarse: VampNet, fine: VampNet) -> None:
    """Raise ModelError unless the fine network takes exactly the codebooks that the coarse one predicts."""
    split = coarse.config.codebooks
    if coarse.config.conditioning or fine.config.conditioning != split:
        raise ModelError(
            f"the coarse network predicts {split} codebooks from {coarse.config.conditioning}, the fine one takes "
            f"{fine.config.conditioning}: they do not belong together"
        )
    sizes = [(n.config.vocabulary, n.config.entry_dim) for n in (coarse, fine)]
    if sizes[0] != sizes[1]:
        raise ModelError(
            f"the coarse network knows codebooks of {sizes[0][0]} entries of {sizes[0][1]} numbers, the fine one of "
            f"{sizes[1][0]} of {sizes[1][1]}: they do not belong together"
        )


def _same_entries(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two codebooks [1024, 8] hold the same numbers, as far as the precision of either tells."""
    coarser = min((ours.dtype, theirs.dtype), key=lambda kind: torch.finfo(kind).bits)
    ours, theirs = (x.detach().cpu().to(coarser) for x in (ours, theirs))
    return ours.shape == theirs.shape and torch.equal(ours, theirs)
