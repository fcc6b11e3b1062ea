"""The Anticipatory Music Transformer: music as events, and controls that arrive a little before they are due."""

from course_utils.amt import augment, token_lists, vocab
from course_utils.amt.accompany import (
    Made,
    Melody,
    MelodyError,
    accompany,
    choose_melody,
    continue_piece,
    infill,
    parts_of,
)
from course_utils.amt.checkpoint import CheckpointError
from course_utils.amt.events import Event, describe, instrument_name, note_name, to_events, to_triples
from course_utils.amt.generate import Generated, GenerateError, generate, generate_ar
from course_utils.amt.interleave import (
    MODES,
    Arrangement,
    anticipate,
    arrange,
    de_interleave,
    distances,
    rule_of,
    stopping_time_violations,
)
from course_utils.amt.load import load_amt
from course_utils.amt.midi import (
    MidiError,
    MidiReport,
    from_pretty_midi,
    read_midi,
    read_midi_report,
    to_midi,
    to_pretty_midi,
    write_midi,
)
from course_utils.amt.network import AMT, AMTConfig
from course_utils.amt.rules import Rules
from course_utils.amt.sequences import Tally, training_sequences
from course_utils.amt.vocab import TokensError, Triples, as_controls, as_events, as_triples, seconds, ticks

__all__ = [
    "AMT",
    "MODES",
    "AMTConfig",
    "Arrangement",
    "CheckpointError",
    "Event",
    "GenerateError",
    "Generated",
    "Made",
    "Melody",
    "MelodyError",
    "MidiError",
    "MidiReport",
    "Rules",
    "Tally",
    "TokensError",
    "Triples",
    "accompany",
    "anticipate",
    "arrange",
    "as_controls",
    "as_events",
    "as_triples",
    "augment",
    "choose_melody",
    "continue_piece",
    "de_interleave",
    "describe",
    "distances",
    "from_pretty_midi",
    "generate",
    "generate_ar",
    "infill",
    "instrument_name",
    "load_amt",
    "note_name",
    "parts_of",
    "read_midi",
    "read_midi_report",
    "rule_of",
    "seconds",
    "stopping_time_violations",
    "ticks",
    "to_events",
    "to_midi",
    "to_pretty_midi",
    "to_triples",
    "token_lists",
    "training_sequences",
    "vocab",
    "write_midi",
]
