"""The numbers the lessons quote: restated here from the papers, derived ones worked out again another way."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import pytest

from course_utils import facts

PROSE = {
    "SAMPLE_RATE": "44.1 kHz",
    "PCM_BIT_RATE": "705.6 kbit/s",
    "DAC_CODEBOOKS": "9",
    "DAC_ENTRIES": "1,024",
    "DAC_HOP": "512 samples",
    "DAC_FRAME_RATE": "86.13 frames/s",
    "DAC_FRAME_MS": "11.6 ms",
    "DAC_BITS_PER_CODE": "10 bit",
    "DAC_BITS_PER_FRAME": "90 bit",
    "DAC_LEVEL_BIT_RATE": "861.33 bit/s",
    "DAC_BIT_RATE": "7.75 kbit/s",
    "DAC_RATIO": "91",
    "DAC_FLOAT32_BYTES": "307 MB",
    "DAC_ENCODE_FRAMES_10S": "862 frames",
    "VAMPNET_CODEBOOKS": "14",
    "VAMPNET_FINE": "10",
    "VAMPNET_FRAME_RATE": "57.42 frames/s",
    "VAMPNET_BIT_RATE": "8.04 kbit/s",
    "VAMPNET_PASSES": "36 passes",
    "VAMPNET_TOKEN_BY_TOKEN_10S": "574 steps",
    "AMT_NOTES": "16,512",
    "AMT_EVENT_VOCABULARY": "27,512",
    "AMT_VOCABULARY": "55,028",
    "AMT_DELTA": "5 s",
}


@pytest.mark.parametrize(("name", "prose"), PROSE.items())
def test_prose(name: str, prose: str) -> None:
    assert str(facts.by_name()[name]) == prose


def test_digits_can_be_chosen() -> None:
    assert f"{facts.DAC_FRAME_RATE:.0f}" == "86 frames/s"
    assert f"{facts.DAC_BIT_RATE:.4f}" == "7.7520 kbit/s"
    assert facts.DAC_BIT_RATE.cite() == "7.75 kbit/s (derived: bits per frame x frames per second)"


def test_bit_rate_by_counting_bits_of_ten_seconds() -> None:
    """2,205 frames are 25.6 s exactly: 9 codes of 10 bits each, against 16 bits for every sample."""
    seconds = 2205 * 512 / 44100
    assert facts.DAC_BIT_RATE.value == pytest.approx(2205 * 9 * 10 / seconds)
    assert facts.DAC_RATIO.value == pytest.approx(16 * 512 / 90)
    assert facts.DAC_RATIO.value == pytest.approx(facts.DAC_RATIO_PAPER.value, rel=0.02)
    assert facts.DAC_BIT_RATE.value == pytest.approx(facts.DAC_BIT_RATE_PAPER.value, rel=0.04)


def test_ten_bits_name_each_entry() -> None:
    assert 2**facts.DAC_BITS_PER_CODE.value == facts.DAC_ENTRIES.value


def test_vocabulary_by_the_position_of_its_tokens() -> None:
    rest, controls, separator = 27512, 27513, 55025
    assert facts.AMT_EVENT_VOCABULARY.value == rest
    assert controls + facts.AMT_EVENT_VOCABULARY.value == separator
    assert separator + 3 == facts.AMT_VOCABULARY.value


def test_the_table_of_the_music_transformer_agrees_with_itself() -> None:
    def spread(fact: facts.Fact) -> tuple[float, float]:
        half = 0.5 * 10.0**-fact.digits  # what rounding to the digits printed may hide
        return fact.value - half, fact.value + half

    parts = [spread(fact) for fact in (facts.AMT_PPL_TIME, facts.AMT_PPL_DURATION, facts.AMT_PPL_NOTE)]
    least, most = (math.prod(part[end] for part in parts) for end in (0, 1))
    low, high = spread(facts.AMT_PPL_EVENT)
    assert low <= facts.AMT_PPL_PRODUCT.value <= high
    assert least <= high
    assert low <= most
    rate = facts.AMT_EVENTS_PER_SECOND.value
    bits = spread(facts.AMT_BITS_MEDIUM_800K)
    assert math.log2(low) * rate <= bits[1]
    assert bits[0] <= math.log2(high) * rate
    assert facts.AMT_BITS_FROM_PPL.value == pytest.approx(facts.AMT_BITS_MEDIUM_800K.value, abs=0.1)


def test_events_context_and_waits_are_counted() -> None:
    assert f"{facts.AMT_EVENTS_PER_SECOND}" == "20.6 events/s"
    assert f"{facts.AMT_TOKENS}" == "1.99 billion tokens"
    assert 1 + 3 * facts.AMT_CONTEXT_EVENTS.value == facts.AMT_CONTEXT.value
    assert f"{facts.AMT_CONTEXT_SECONDS}" == "15 s"
    assert facts.AMT_INTERARRIVAL_VOCABULARY.value == 34_025
    assert facts.AMT_CONTROL_OFFSET.value == 27_513
    assert sorted(str(facts.AMT_FILES.value)) == sorted(str(facts.AMT_FILES_ARTICLE.value))


def test_the_released_dac_has_these_sizes() -> None:
    from course_utils.compat.torchaudio import ensure_torchaudio

    ensure_torchaudio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dac
        import torch

        with torch.device("meta"):  # shapes without 307 MB of numbers
            model = dac.DAC()
    assert sum(p.numel() for p in model.parameters()) == facts.DAC_PARAMETERS.value
    assert tuple(model.encoder_rates) == facts.DAC_STRIDES
    assert model.hop_length == facts.DAC_HOP.value
    assert model.latent_dim == facts.DAC_LATENT.value
    assert model.n_codebooks == facts.DAC_CODEBOOKS.value
    assert model.codebook_size == facts.DAC_ENTRIES.value
    assert model.codebook_dim == facts.DAC_CODEBOOK_DIM.value
    assert model.sample_rate == facts.SAMPLE_RATE.value


@pytest.mark.parametrize(("name", "fact"), facts.by_name().items())
def test_every_fact_has_a_source_and_is_a_number(name: str, fact: facts.Fact) -> None:
    assert len(fact.source) > 10
    assert math.isfinite(fact.value)
    assert "\n" not in fact.cite()
    known = {id(f) for f in facts.by_name().values()}
    assert all(id(parent) in known for parent in fact.parents), "derive from facts that have a name here"


def test_boxes_become_tables() -> None:
    table = facts.BOX_BIT_RATE.markdown()
    assert "9 x 10 bit x 86.13 frames/s = 7.75 kbit/s, 91 times smaller" in table
    assert "| article |" not in facts.BOX_FRAMES.markdown()  # who says nothing has no row


def test_facts_need_no_model_library() -> None:
    code = "import sys, course_utils.facts; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
