"""VampNet: generate the masked tokens of a grid in a few passes. Prompts are masks, passes follow a schedule."""

from course_utils.vampnet import masks, schedule
from course_utils.vampnet.checkpoint import CheckpointError, load_checkpoint
from course_utils.vampnet.decoding import Decoded, DecodeSettings, Pass, decode, decode_coarse_to_fine
from course_utils.vampnet.masks import Mask, MaskError, frame_at, frames_in, seconds_of
from course_utils.vampnet.schedule import fixed_counts, masked_after, masked_counts
from course_utils.vampnet.transformer import VampNet, VampNetConfig

__all__ = [
    "CheckpointError",
    "DecodeSettings",
    "Decoded",
    "Mask",
    "MaskError",
    "Pass",
    "VampNet",
    "VampNetConfig",
    "decode",
    "decode_coarse_to_fine",
    "fixed_counts",
    "frame_at",
    "frames_in",
    "load_checkpoint",
    "masked_after",
    "masked_counts",
    "masks",
    "schedule",
    "seconds_of",
]
