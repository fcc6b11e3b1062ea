"""Players and figures: what a lesson shows, in every place a lesson can be read."""

from course_utils.show.curve import LiveCurve, live_curve
from course_utils.show.figures import Picture, figure, images_without_alt, mask_figure
from course_utils.show.grid_players import GridRow, StrategyGrid, strategy_grid
from course_utils.show.interleaving import Interleaving, interleaving_stepper
from course_utils.show.live import Live, live
from course_utils.show.painter import Painter, mask_painter
from course_utils.show.piano_roll import PianoRoll, piano_roll
from course_utils.show.player import Ladder, LevelAudio, Player, ladder, level_audio
from course_utils.show.prompted import Prompted, prompted
from course_utils.show.schedules import Schedules, schedules_player
from course_utils.show.scrubber import DecodeScrubber, Run, decode_scrubber
from course_utils.show.sounds import Clips, clips_player
from course_utils.show.vq_toy import VQExplorer, VQToy, explore_vq, vq_toy

__all__ = [
    "Clips",
    "DecodeScrubber",
    "GridRow",
    "Interleaving",
    "Ladder",
    "LevelAudio",
    "Live",
    "LiveCurve",
    "Painter",
    "PianoRoll",
    "Picture",
    "Player",
    "Prompted",
    "Run",
    "Schedules",
    "StrategyGrid",
    "VQExplorer",
    "VQToy",
    "clips_player",
    "decode_scrubber",
    "explore_vq",
    "figure",
    "images_without_alt",
    "interleaving_stepper",
    "ladder",
    "level_audio",
    "live",
    "live_curve",
    "mask_figure",
    "mask_painter",
    "piano_roll",
    "prompted",
    "schedules_player",
    "strategy_grid",
    "vq_toy",
]
