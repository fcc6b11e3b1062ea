"""The zoo: one registry of models, downloads that land whole or not at all, and verified reading of weights."""

from course_utils.zoo.cards import read_card
from course_utils.zoo.download import DownloadError, download_file
from course_utils.zoo.registry import MODELS, Model, ZooError, find_model
from course_utils.zoo.weights import DamagedWeightsError, MissingWeightsError, State, read_weights, state, weights_path

__all__ = [
    "MODELS",
    "DamagedWeightsError",
    "DownloadError",
    "MissingWeightsError",
    "Model",
    "State",
    "ZooError",
    "download_file",
    "find_model",
    "read_card",
    "read_weights",
    "state",
    "weights_path",
]
