"""The Anticipatory Music Transformer: music as events, and controls that arrive a little before they are due.

What needs torch is not here but in its own module, so that tokens and pictures of them come without it: the network
(`load.load_amt`), sampling (`generate.generate`), and what is made of it (`accompany`).
"""

from course_utils.amt import augment, token_lists, vocab
from course_utils.amt.events import Event, describe, instrument_name, note_name, to_events, to_triples
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
from course_utils.amt.sequences import Tally, training_sequences
from course_utils.amt.vocab import TokensError, Triples, as_controls, as_events, as_triples, seconds, ticks

__all__ = [
    "MODES",
    "Arrangement",
    "Event",
    "MidiError",
    "MidiReport",
    "Tally",
    "TokensError",
    "Triples",
    "anticipate",
    "arrange",
    "as_controls",
    "as_events",
    "as_triples",
    "augment",
    "de_interleave",
    "describe",
    "distances",
    "from_pretty_midi",
    "instrument_name",
    "note_name",
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
