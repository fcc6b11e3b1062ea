"""VampNet: generate the masked tokens of a grid in a few passes. Prompts are masks, passes follow a schedule."""

from course_utils.vampnet import masks, schedule
from course_utils.vampnet.beats import Beats, BeatsError, find_beats, find_onsets
from course_utils.vampnet.checkpoint import CheckpointError, load_checkpoint
from course_utils.vampnet.decoding import Decoded, DecodeSettings, Pass, decode, decode_coarse_to_fine
from course_utils.vampnet.generate import generate, windows
from course_utils.vampnet.load import load_causal, load_vampnet
from course_utils.vampnet.masks import Mask, MaskError, frame_at, frames_in, seconds_of
from course_utils.vampnet.models import ModelError, VampNetModels
from course_utils.vampnet.painted import mask_text, painted
from course_utils.vampnet.result import Outcome, measure
from course_utils.vampnet.schedule import fixed_counts, masked_after, masked_counts
from course_utils.vampnet.strategies import STRATEGIES, Strategy, strategy
from course_utils.vampnet.transformer import VampNet, VampNetConfig

__all__ = [
    "STRATEGIES",
    "Beats",
    "BeatsError",
    "CheckpointError",
    "DecodeSettings",
    "Decoded",
    "Mask",
    "MaskError",
    "ModelError",
    "Outcome",
    "Pass",
    "Strategy",
    "VampNet",
    "VampNetConfig",
    "VampNetModels",
    "decode",
    "decode_coarse_to_fine",
    "find_beats",
    "find_onsets",
    "fixed_counts",
    "frame_at",
    "frames_in",
    "generate",
    "load_causal",
    "load_checkpoint",
    "load_vampnet",
    "mask_text",
    "masked_after",
    "masked_counts",
    "masks",
    "measure",
    "painted",
    "schedule",
    "seconds_of",
    "strategy",
    "windows",
]
