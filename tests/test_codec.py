"""The codec's interface and the trained course codec: shapes, lengths, levels, chunks, bad input, and what it gives."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.audio import Clip, demo_clip, mel_distance, si_sdr
from course_utils.codec import Codec, course_codec, load_codec
from course_utils.codec.chunks import spans
from course_utils.codec.load import save_course_codec
from course_utils.codec.network import CourseCodecConfig, CourseCodecNetwork
from course_utils.zoo import weights_path

CLIPS = ("electronic", "guitar", "ladder")


def in_chunks(codec: Codec, chunk: int) -> Codec:
    """The same codec, working in chunks of so many frames."""
    other = copy.copy(codec)
    other.chunk = chunk
    return other


@pytest.fixture(scope="module")
def music() -> torch.Tensor:
    """Two seconds of the ladder clip, and a bit: float32 [N], N no multiple of the hop."""
    return torch.as_tensor(demo_clip("ladder").samples)[: 2 * 44100 + 77]


@pytest.fixture(scope="module")
def codes(course: Codec, music: torch.Tensor) -> torch.Tensor:
    return course.encode(music)


# --- shapes and lengths


@pytest.mark.parametrize("samples", [1, 2, 511, 512, 513, 882, 1023, 1025, 12345])
def test_any_length_is_encoded_and_comes_back_exactly(course: Codec, music: torch.Tensor, samples: int) -> None:
    codes = course.encode(music[:samples])
    assert codes.shape == (1, 9, -(-samples // 512)) == (1, 9, course.frames(samples))
    assert codes.dtype == torch.int64
    assert 0 <= int(codes.min()) <= int(codes.max()) < 1024
    audio = course.decode(codes, length=samples)
    assert audio.shape == (1, 1, samples)
    assert audio.dtype == torch.float32
    assert torch.isfinite(audio).all()
    whole = course.decode(codes)
    assert whole.shape == (1, 1, codes.shape[-1] * 512)
    assert torch.equal(whole[..., :samples], audio)


def test_every_way_to_hand_over_the_audio_gives_the_same_codes(course: Codec) -> None:
    clip = demo_clip("ladder")
    clip = Clip(clip.samples[:20000], clip.rate, clip.name)
    expected = course.encode(clip)
    samples = np.array(clip.samples)
    for audio in (samples, samples.astype(np.float64), torch.from_numpy(samples), samples[None], samples[None, None]):
        assert torch.equal(course.encode(audio), expected)


def test_a_batch_gives_each_what_it_has_alone(course: Codec) -> None:
    batch = torch.stack([torch.as_tensor(demo_clip(name).samples)[:20000] for name in CLIPS[:2]])[:, None]
    codes = course.encode(batch)
    assert torch.equal(codes, torch.cat([course.encode(one) for one in batch]))
    alone = torch.cat([course.decode(codes[i : i + 1], length=20000) for i in range(2)])
    torch.testing.assert_close(course.decode(codes, length=20000), alone, atol=1e-5, rtol=0)


def test_the_same_twice(course: Codec, music: torch.Tensor, codes: torch.Tensor) -> None:
    assert torch.equal(course.encode(music), codes)
    assert torch.equal(course.decode(codes), course.decode(codes))
    assert torch.equal(load_codec("course").encode(music), codes)


def test_nothing_is_left_to_train_and_no_gradient_is_kept(course: Codec, codes: torch.Tensor) -> None:
    assert not course.network.training
    assert not any(p.requires_grad for p in course.network.parameters())
    assert not course.decode(codes[..., :4]).requires_grad


@pytest.mark.parametrize("make", [torch.zeros, lambda n: torch.full((n,), 1.0), lambda n: 100 * torch.ones(n)])
def test_silence_and_overload_stay_finite(course: Codec, make) -> None:
    audio = course.decode(course.encode(make(5000)), length=5000)
    assert torch.isfinite(audio).all()


def test_silence_stays_nearly_silent(course: Codec) -> None:
    audio = course.decode(course.encode(torch.zeros(22050)))
    assert float(audio.abs().max()) < 0.02


# --- levels and subsets


@pytest.mark.parametrize("n", range(1, 10))
def test_the_first_levels_can_be_named_in_three_ways(course: Codec, codes: torch.Tensor, n: int) -> None:
    few = codes[..., :40]
    audio = course.decode(few, levels=n)
    assert torch.equal(audio, course.decode(few, codebooks=range(n)))
    assert torch.equal(audio, course.decode(few[:, :n]))


def test_all_levels_is_the_default(course: Codec, codes: torch.Tensor) -> None:
    assert torch.equal(course.decode(codes[..., :40]), course.decode(codes[..., :40], levels=9))


def test_decoding_is_the_networks_own(course: Codec, codes: torch.Tensor) -> None:
    few = codes[..., :60]
    with torch.no_grad():
        expected = course.network.decoder(course.network.quantizer.from_codes(few[:, :5])[0])
    torch.testing.assert_close(course.decode(few, levels=5), expected, atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(chosen=st.sets(st.integers(0, 8), min_size=1))
def test_a_subset_adds_up_its_codebooks(course: Codec, codes: torch.Tensor, chosen: set[int]) -> None:
    few = codes[..., :10]
    parts = [course.quantized(few, codebooks=[level]) for level in sorted(chosen)]
    torch.testing.assert_close(course.quantized(few, codebooks=sorted(chosen)), sum(parts), atol=1e-5, rtol=1e-5)


def test_the_order_of_a_subset_does_not_matter(course: Codec, codes: torch.Tensor) -> None:
    few = codes[..., :20]
    torch.testing.assert_close(
        course.decode(few, codebooks=[4, 0, 2]), course.decode(few, codebooks=[0, 2, 4]), atol=1e-5, rtol=0
    )


def test_leaving_out_the_first_codebook_is_another_sound(course: Codec, codes: torch.Tensor, music) -> None:
    without = course.decode(codes, codebooks=range(1, 9), length=len(music))
    complete = course.decode(codes, length=len(music))
    assert float(si_sdr(without[0, 0], music)) < float(si_sdr(complete[0, 0], music)) - 3


def test_small_integer_codes_decode_too(course: Codec, codes: torch.Tensor) -> None:
    few = codes[..., :10]
    for dtype in (torch.int16, torch.int32):
        assert torch.equal(course.decode(few.to(dtype)), course.decode(few))


# --- chunks


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(1, 300), chunk=st.integers(1, 80), context=st.integers(0, 40))
def test_chunks_cover_every_frame_once_and_see_their_context(frames: int, chunk: int, context: int) -> None:
    kept: list[int] = []
    for span in spans(frames, chunk, context):
        inner = range(span.low + span.inner_start, span.low + span.inner_stop)
        kept += inner
        assert span.low == max(inner[0] - context, 0)
        assert span.high == min(inner[-1] + 1 + context, frames)
    assert kept == list(range(frames))


@pytest.mark.parametrize("chunk", [1, 7, 64, 172, 173, 1000])
def test_chunked_equals_whole(course: Codec, music: torch.Tensor, codes: torch.Tensor, chunk: int) -> None:
    samples = music if chunk > 1 else music[: 30 * 512 + 5]
    whole = course.encode(samples)
    parts = in_chunks(course, chunk)
    assert torch.equal(parts.encode(samples), whole)
    expected = course.decode(whole, levels=6, length=len(samples))
    torch.testing.assert_close(parts.decode(whole, levels=6, length=len(samples)), expected, atol=1e-5, rtol=0)


def test_ten_seconds_in_chunks_equal_the_whole(course: Codec) -> None:
    samples = torch.as_tensor(demo_clip("electronic").samples)
    whole = course.encode(samples)
    parts = in_chunks(course, 200)
    assert torch.equal(parts.encode(samples), whole)
    torch.testing.assert_close(parts.decode(whole), course.decode(whole), atol=1e-5, rtol=0)


def test_the_context_is_what_the_decoder_sees_and_no_more(course: Codec) -> None:
    middle = course.context + 5
    latent = torch.randn(1, course.network.config.latent_dim, 2 * middle + 1).requires_grad_()
    course.network.decoder(latent)[0, 0, middle * 512 : (middle + 1) * 512].sum().backward()
    assert latent.grad is not None
    seen = latent.grad[0].abs().sum(0).nonzero().flatten()
    assert (int(seen[0]), int(seen[-1])) == (middle - course.context, middle + course.context)


def test_the_encoder_sees_no_more_than_the_context(course: Codec) -> None:
    middle = course.context + 5
    samples = (0.1 * torch.randn(1, 1, (2 * middle + 1) * 512)).requires_grad_()
    course.network.encoder(samples)[0, :, middle].sum().backward()
    assert samples.grad is not None
    seen = samples.grad[0, 0].nonzero().flatten()
    assert (middle - course.context) * 512 <= int(seen[0])
    assert int(seen[-1]) < (middle + 1 + course.context) * 512


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=12), chunk=st.integers(5, 60))
def test_blocks_of_any_size_give_the_codes_of_the_whole(
    course: Codec, music: torch.Tensor, sizes: list[int], chunk: int
) -> None:
    ends = [end for end in itertools.accumulate(sizes) if end <= len(music)]
    blocks = [music[start:end] for start, end in zip([0, *ends], ends, strict=False)] or [music[: sizes[0]]]
    whole = torch.cat(blocks)
    got = torch.cat(list(in_chunks(course, chunk).encode_blocks(blocks)), dim=-1)
    assert torch.equal(got, course.encode(whole))


def test_a_long_stream_is_held_in_part_only(course: Codec, music: torch.Tensor) -> None:
    """Codes come while blocks are still coming, so never more than a chunk, its contexts and a block are held."""
    parts, taken = in_chunks(course, 30), 0

    def stream():
        nonlocal taken
        for start in range(0, len(music) - 4096, 4096):
            taken += 4096
            yield music[start : start + 4096]

    encoded = 0
    for piece in parts.encode_blocks(stream()):
        assert taken - encoded * 512 <= (30 + 2 * course.context) * 512 + 4096
        encoded += piece.shape[-1]
    assert encoded == course.frames(taken)


def test_decoding_in_pieces_joins_to_the_whole(course: Codec, codes: torch.Tensor, music: torch.Tensor) -> None:
    pieces = list(in_chunks(course, 50).decode_chunks(codes, length=len(music)))
    assert [piece.shape[-1] for piece in pieces] == [25600, 25600, 25600, len(music) - 3 * 25600]
    torch.testing.assert_close(torch.cat(pieces, -1), course.decode(codes, length=len(music)), atol=1e-5, rtol=0)


def test_no_piece_is_decoded_that_nobody_hears(course: Codec, codes: torch.Tensor) -> None:
    pieces = list(in_chunks(course, 50).decode_chunks(codes, length=25600))
    assert [piece.shape[-1] for piece in pieces] == [25600]


# --- bad input


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(0), "the audio is empty"),
        (torch.zeros(0, 1, 100), "the audio is empty"),
        (torch.tensor([0.0, float("nan"), 0.0, float("inf")]), r"2 samples are not finite"),
        (torch.zeros(2, 1000), r"must be mono.*\[2, 1000\]"),
        (torch.zeros(1, 2, 1000), r"must be mono.*\[1, 2, 1000\]"),
        (torch.zeros(1, 1, 1, 1000), r"must be mono"),
        (np.zeros(1000, np.int16), r"floating point.*int16"),
        (Clip(np.zeros(1000, np.float32), 48000), r"48000 Hz.*44100 Hz.*load_audio"),
    ],
)
def test_audio_that_cannot_be_encoded_is_refused(course: Codec, audio, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        course.encode(audio)


def test_no_blocks_at_all_are_refused(course: Codec) -> None:
    with pytest.raises(ValueError, match="no audio: not one block came"):
        list(course.encode_blocks([]))


ZEROS = torch.zeros(1, 9, 4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("codes", "arguments", "message"),
    [
        (ZEROS[0], {}, r"codes must be \[batch, 1 to 9 levels, frames\], not \[9, 4\]"),
        (ZEROS[..., :0], {}, r"not \[1, 9, 0\]"),
        (ZEROS[:0], {}, r"not \[0, 9, 4\]"),
        (torch.zeros(1, 10, 4, dtype=torch.int64), {}, r"not \[1, 10, 4\]"),
        (ZEROS + 1024, {}, r"whole numbers from 0 to 1023.*from 1024 to 1024"),
        (ZEROS - 1, {}, r"from -1 to -1"),
        (ZEROS.float(), {}, r"these are torch.float32"),
        (ZEROS, {"levels": 0}, r"levels=0 is not possible"),
        (ZEROS, {"levels": 10}, r"levels=10 is not possible: these codes have levels 1 to 9"),
        (ZEROS, {"levels": -1}, r"levels=-1 is not possible"),
        (ZEROS[:, :3], {"levels": 4}, r"levels=4 is not possible: these codes have levels 1 to 3"),
        (ZEROS, {"codebooks": []}, r"codebooks=\[\] is not possible"),
        (ZEROS, {"codebooks": [0, 9]}, r"codebooks=\[0, 9\] is not possible"),
        (ZEROS, {"codebooks": [-1]}, r"codebooks=\[-1\] is not possible"),
        (ZEROS, {"codebooks": [2, 2]}, r"names a codebook twice"),
        (ZEROS, {"levels": 2, "codebooks": [0]}, r"either levels .* or codebooks"),
        (ZEROS, {"length": 0}, r"length=0 is not possible"),
        (ZEROS, {"length": -5}, r"length=-5 is not possible"),
        (ZEROS, {"length": 2049}, r"4 frames hold 1 to 2048 samples, so length=2049"),
    ],
)
def test_codes_that_cannot_be_decoded_are_refused_at_once(course: Codec, codes, arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        course.decode(codes, **arguments)
    with pytest.raises(ValueError, match=message):
        course.decode_chunks(codes, **arguments)  # before the first piece is asked for


def test_an_unknown_codec_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"no codec is called 'mp3': there are 'course' and 'official'"):
        load_codec("mp3")


# --- facts about the codec, and its weights


def test_it_says_what_it_is(course: Codec) -> None:
    assert (course.n_codebooks, course.codebook_size, course.hop, course.sample_rate) == (9, 1024, 512, 44100)
    assert course.codebook(8).shape == (1024, 8)
    assert course.frame_rate == pytest.approx(86.1328125)
    assert course.bits_per_second() == pytest.approx(7751.95, abs=0.01)
    assert course.bits_per_second(1) == pytest.approx(861.33, abs=0.01)
    assert course.bits_per_second(0) == 0
    assert "9 codebooks x 1024" in repr(course)
    assert course.to("cpu") is course


def test_it_is_small(course: Codec) -> None:
    assert sum(p.numel() for p in course.network.parameters()) <= 8_000_000
    assert weights_path("course-codec").stat().st_size <= 16_000_000


def test_a_codec_at_random_runs_before_any_training() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codec = course_codec()
    assert codec.decode(codec.encode(torch.randn(3000)), length=3000).shape == (1, 1, 3000)


def test_weights_are_stored_in_half_precision_and_make_the_same_codec(tmp_path) -> None:
    from safetensors import safe_open

    config = CourseCodecConfig(width=16, latent_dim=24, encoder_blocks=1, decoder_blocks=2, codebook_size=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CourseCodecNetwork(config)
        audio = 0.1 * torch.randn(20 * 512)
    save_course_codec(tmp_path / "w.safetensors", network, note="kept")
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    assert metadata["note"] == "kept"
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    codec = course_codec(weights, metadata)
    assert codec.network.config == config
    assert next(codec.network.parameters()).dtype == torch.float32
    rounded = CourseCodecNetwork(config)
    rounded.load_state_dict({key: tensor.half().float() for key, tensor in network.state_dict().items()})
    expected = Codec(rounded, "course", 44100, 512, context=codec.context)
    assert torch.equal(codec.encode(audio), expected.encode(audio))


# --- what the trained codec gives (floors, loose: better weights must pass too)


@pytest.fixture(scope="module")
def ladder(course: Codec) -> dict[str, np.ndarray]:
    """Mean figures over the three demo clips after 1..9 levels: {"si_sdr": [9], "mel": [9]}."""
    rows = []
    for name in CLIPS:
        clip = demo_clip(name)
        samples = torch.as_tensor(clip.samples)[None, None]
        codes = course.encode(clip)
        decoded = [course.decode(codes, levels=n, length=samples.shape[-1]) for n in range(1, 10)]
        rows.append([(float(si_sdr(audio, samples)), float(mel_distance(audio, samples))) for audio in decoded])
    mean = np.mean(rows, axis=0)
    return {"si_sdr": mean[:, 0], "mel": mean[:, 1]}


def test_every_level_brings_the_sound_nearer(ladder: dict[str, np.ndarray]) -> None:
    assert (np.diff(ladder["si_sdr"]) > 0).all(), ladder["si_sdr"]
    assert (np.diff(ladder["mel"]) < 0).all(), ladder["mel"]


def test_nine_levels_meet_the_floor(ladder: dict[str, np.ndarray]) -> None:
    assert ladder["si_sdr"][-1] >= 4.0, ladder["si_sdr"]
    assert ladder["mel"][-1] <= 0.33, ladder["mel"]
    assert ladder["si_sdr"][-1] - ladder["si_sdr"][0] >= 4.0, ladder["si_sdr"]


def test_music_uses_many_entries_of_every_codebook(course: Codec) -> None:
    codes = course.encode(demo_clip("electronic"))[0]
    assert min(len(row.unique()) for row in codes) >= 150
