"""From audio to codes and back: the transform, residual vector quantisation, the codecs."""

from course_utils.codec.codec import Codec
from course_utils.codec.kmeans import kmeans, nearest, nearest_by_cosine
from course_utils.codec.load import course_codec, load_codec, official_codec
from course_utils.codec.mdct import MDCT
from course_utils.codec.rvq import FactorisedRVQ, FactorisedVQ, PlainRVQ

__all__ = [
    "MDCT",
    "Codec",
    "FactorisedRVQ",
    "FactorisedVQ",
    "PlainRVQ",
    "course_codec",
    "kmeans",
    "load_codec",
    "nearest",
    "nearest_by_cosine",
    "official_codec",
]
