"""Players and figures: what a lesson shows, in every place a lesson can be read."""

from course_utils.show.figures import Picture, figure, images_without_alt
from course_utils.show.live import Live, live
from course_utils.show.player import Ladder, LevelAudio, Player, ladder, level_audio
from course_utils.show.sounds import Clips, clips_player
from course_utils.show.vq_toy import VQExplorer, VQToy, explore_vq, vq_toy

__all__ = [
    "Clips",
    "Ladder",
    "LevelAudio",
    "Live",
    "Picture",
    "Player",
    "VQExplorer",
    "VQToy",
    "clips_player",
    "explore_vq",
    "figure",
    "images_without_alt",
    "ladder",
    "level_audio",
    "live",
    "vq_toy",
]
