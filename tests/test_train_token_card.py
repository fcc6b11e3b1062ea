"""The cards of the token models: sums by hand on tiny networks, errors, judgement; the shipped cards say what is."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from course_utils import zoo
from course_utils.files import rounded, sha256_of
from course_utils.recorded import read_recording
from course_utils.train.baselines import NAMES, Baselines
from course_utils.train.card import HELD_OUT_PIECES
from course_utils.train.corpus import FIRST_TRAINING_SEED, is_held_out
from course_utils.train.export import training_story
from course_utils.train.token_card import as_page, causal_steps
from course_utils.train.token_guesses import (
    COMPOSED_SEEDS,
    RATIOS,
    SPANS,
    Piece,
    Tally,
    figures,
    guesses,
    inpaint_crops,
    inpainting_table,
    judge_inpainting,
    judge_ratios,
    margin,
    random_masks,
    ratio_tables,
    span_masks,
    tally_baselines,
    tally_network,
)
from course_utils.vampnet import VampNet, VampNetConfig

V = 16
CARDS = ("vampnet-coarse", "vampnet-fine", "vampnet-causal")


def network(seed: int = 0, **sizes: Any) -> VampNet:
    """A tiny network at random."""
    config = VampNetConfig(**{"codebooks": 2, "width": 16, "layers": 2, "heads": 2, "vocabulary": V, **sizes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VampNet(config, torch.randn(config.codebooks, V, 8)).eval()


def music(names: str, frames: int = 50, codebooks: int = 2) -> list[Piece]:
    """A stretch of codes at random for each letter; the same letter is the same piece."""
    chance = torch.Generator().manual_seed(0)
    return [Piece(n, "made up", torch.randint(V, (1, codebooks, frames), generator=chance)) for n in names]


@pytest.mark.parametrize("sizes", [{}, {"codebooks": 3, "conditioning": 1}, {"causal": True}])
def test_the_sums_are_those_of_every_hidden_code(sizes: dict[str, Any]) -> None:
    net = network(**sizes)
    first = net.config.conditioning
    codes = music("a", 12, net.config.codebooks)[0].codes
    hidden = torch.rand(1, 2, 12, generator=torch.Generator().manual_seed(1)) < 0.5
    nats, right = guesses(net, codes, hidden)
    seen = codes.clone()
    seen[:, first:][hidden] = V
    with torch.no_grad():
        log_p = net(seen).log_softmax(-1)
    for level in range(2):
        cells = [t for t in range(12) if hidden[0, level, t]]
        wanted = [-float(log_p[0, level, t, codes[0, first + level, t]]) for t in cells]
        assert nats[level] == pytest.approx(sum(wanted), rel=1e-4)
        assert right[level] == sum(int(log_p[0, level, t].argmax() == codes[0, first + level, t]) for t in cells)


def test_a_network_that_knows_nothing_has_the_bits_of_chance() -> None:
    net = network()
    torch.nn.init.zeros_(net.out.weight)
    torch.nn.init.zeros_(net.out.bias)
    pieces = music("abc")
    found = figures(tally_network(net, pieces, random_masks(pieces, 2, 0.5, 0)))
    assert found["bits"] == pytest.approx([math.log2(V)] * 2, rel=1e-5)
    assert found["bits_error"] == pytest.approx([0, 0], abs=1e-6)
    assert found["mean_bits"] == pytest.approx(math.log2(V), rel=1e-5)


def test_masks_have_their_share_and_stay_the_same() -> None:
    pieces = music("abcd", 500)
    masks = random_masks(pieces, 2, 0.8, 0)
    assert float(torch.cat(masks, 2).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert all(torch.equal(a, b) for a, b in zip(masks, random_masks(pieces, 2, 0.8, 0), strict=True))
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], random_masks(pieces, 2, 0.8, 1)[0])


def test_crops_begin_all_over_a_piece() -> None:
    whole = music("a", 50)
    crops = inpaint_crops(whole, 20)
    assert len(crops) == 7  # at 0, 5, ... 30
    assert all(torch.equal(crop.codes, whole[0].codes[..., 5 * i : 5 * i + 20]) for i, crop in enumerate(crops))


def test_spans_lie_in_the_middle_of_the_crops() -> None:
    crops = inpaint_crops(music("ab", 50), 20, 20)
    assert [(c.name, c.codes.shape[2]) for c in crops] == [("a", 20), ("a", 20), ("b", 20), ("b", 20)]
    assert span_masks(crops, 2, 4)[0].int().tolist() == [[[0] * 8 + [1] * 4 + [0] * 8] * 2]


def test_stretches_of_one_piece_are_one_sample() -> None:
    pieces, net = music("aab"), network()
    masks = random_masks(pieces, 2, 0.5, 0)
    tally = tally_network(net, pieces, masks)
    each = [guesses(net, p.codes, m) for p, m in zip(pieces, masks, strict=True)]
    assert tally.nats.shape == (2, 2)
    assert tally.nats[0] == pytest.approx(each[0][0] + each[1][0])
    assert tally.right[1] == pytest.approx(each[2][1])
    assert tally.count[0].tolist() == (masks[0].sum((0, 2)) + masks[1].sum((0, 2))).tolist()


def test_the_guesses_without_a_network_by_hand() -> None:
    unigram = np.array([[0.25] * 4, [0.5, 0.25, 0.125, 0.125]])
    follow = np.zeros((2, 4, 4), dtype=np.int32)
    follow[1, 0, 1] = 8  # in c1 a 0 is followed by a 1
    baselines = Baselines(unigram, follow, np.array([2.0, 2.0]), np.full((2, 64), 0.8))
    piece = Piece("a", "made up", torch.tensor([[[3, 3, 3, 3, 3], [0, 1, 3, 3, 3]]]))
    hidden = torch.tensor([[[False, True, False, True, True]]])  # of c1, which is all that the network predicts
    found = tally_baselines(baselines, [piece, piece], [hidden, hidden], first=1)
    assert all(tally.count.tolist() == [[6]] for tally in found.values())
    # twice: chance a quarter of each; never a 0; a 1 after the 0; 0, 3 and 3 are copied
    assert {name: tally.right.tolist() for name, tally in found.items()} == {
        "chance": [[1.5]], "unigram": [[0]], "bigram": [[2]], "copy": [[4]],
    }  # fmt: skip
    assert found["unigram"].nats[0, 0] == pytest.approx(2 * -math.log(0.25 * 0.125 * 0.125))
    assert figures(found["copy"])["accuracy"] == pytest.approx([4 / 6])


def test_figures_by_hand() -> None:
    two = math.log(2)
    nats, right = np.array([[10 * two, 4 * two], [30 * two, 8 * two]]), np.array([[1.0, 0], [2, 0]])
    tally = Tally(nats, right, np.full((2, 2), 10.0))
    found = figures(tally)
    assert found["bits"] == pytest.approx([2.0, 0.6])
    assert found["accuracy"] == pytest.approx([0.15, 0])
    assert found["mean_bits"] == pytest.approx(1.3)
    # a resample of two pieces is (a, a), (a, b) twice or (b, b): 1, 2, 2, 3 bits
    assert found["bits_error"][0] == pytest.approx(math.sqrt(0.5), abs=0.03)


def test_a_margin_is_outside_its_interval_only_if_the_pieces_agree() -> None:
    count = np.full((6, 1), 100.0)
    ours = Tally(np.full((6, 1), 500.0), count, count)
    better = margin(ours, Tally(np.array([[600.0], [580], [620], [590], [610], [600]]), count, count))
    assert better["bits"][0] == pytest.approx(1 / math.log(2))
    assert 1.2 < better["low"][0] < better["bits"][0] < better["high"][0] < 1.7
    by_one = margin(ours, Tally(np.array([[1100.0], [500], [500], [500], [500], [500]]), count, count))
    assert by_one["bits"][0] == pytest.approx(1 / math.log(2))
    assert by_one["low"][0] <= 0


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    """Tables of tiny networks on made-up music."""
    pieces, chance = music("abcd", 900, 3), np.random.default_rng(0)
    baselines = Baselines(
        chance.dirichlet(np.ones(V), size=3),
        np.zeros((3, V, V), dtype=np.int32),
        np.ones(3),
        np.full((3, 64), 0.1),
    )
    fine = network(codebooks=3, conditioning=1)
    told: list[str] = []
    ratios = ratio_tables(fine, pieces, baselines, told.append)  # and "context"
    networks = {"bidirectional": network(codebooks=3), "causal": network(codebooks=3, causal=True)}
    return {**ratios, "inpainting": inpainting_table(networks, pieces, 86.13, told.append)}


@pytest.fixture
def card(tables: dict[str, Any]) -> dict[str, Any]:
    """A card of tiny networks."""
    return {
        "model": "vampnet-fine",
        "weights_sha256": "abc",
        "weights_bytes": 10_000_000,
        "parameters": 5,
        "sizes": {**vars(network(codebooks=3, conditioning=1).config)},
        "training": {"steps": 3, "hardware": "two cores"},
        "music": [{"name": "a", "kind": "made up", "frames": 900}],
        "floor": {"one point": True, "another": False},
        **copy.deepcopy(tables),
    }


def test_tables_and_the_page_made_of_them(tables: dict[str, Any], card: dict[str, Any]) -> None:
    assert list(tables["ratios"]) == [f"{ratio:g}" for ratio in RATIOS]
    assert list(tables["inpainting"]) == [*(f"{span:g}" for span in SPANS), "all"]
    row = tables["ratios"]["0.5"]
    assert len(row["model"]["bits"]) == 2  # the two predicted codebooks, not the given one
    for name in NAMES:
        gain = np.array(row[name]["bits"]) - row["model"]["bits"]
        assert row["margins"][name]["bits"] == pytest.approx(gain)
    assert row["chance"]["bits"] == pytest.approx([4, 4])
    few, many = (np.array(tables["ratios"][ratio]["model"]["bits"]) for ratio in ("0.2", "0.95"))
    assert tables["context"]["bits"] == pytest.approx(many - few)
    assert min(tables["context"]["bits_error"]) > 0
    page = as_page(card)
    assert page == as_page(json.loads(json.dumps(rounded(card))))
    assert "- met: one point" in page
    assert "- NOT met: another" in page
    assert f"{row['model']['mean_bits']:.2f} ± {row['model']['mean_bits_error']:.2f}" in page
    assert "| hidden | guess | c1 | c2 | mean |" in page
    assert "upper estimate" not in page


def test_the_page_says_how_many_each_guess_has_right(card: dict[str, Any]) -> None:
    for ratio in card["ratios"].values():
        assert ratio["chance"]["accuracy"] == pytest.approx([1 / V] * 2)
    card["ratios"]["0.5"]["copy"] |= {"accuracy": [0.125, 0.0625], "mean_accuracy": 0.09375}
    page = as_page(card)
    (line,) = [line for line in page.splitlines() if line.startswith("| 50% | copy |")]
    assert [cell.split(", ")[1] for cell in line.split(" | ")[2:]] == ["12.5%", "6.2%", "9.4% |"]
    assert "bootstrap over pieces; and how many are guessed right:" in page


def test_the_page_says_for_how_long_the_causal_network_saw_both_sides(card: dict[str, Any]) -> None:
    forked = {"steps": 60, "forked": "off the coarse model's run at step 35"}
    assert causal_steps(forked) == {"alone": 25, "all": 60}
    assert causal_steps({"steps": 60}) is None
    page = as_page(card | {"causal_steps": causal_steps(forked)})
    assert "made 25 of its 60 training steps without the future" in page
    assert "it is an upper estimate" in page


def test_the_shipped_causal_networks_story_is_understood() -> None:
    story = training_story(zoo.weights_path("vampnet-causal"))
    steps = causal_steps(story)
    assert (steps is not None) == ("forked" in story)
    assert steps is None or 0 < steps["alone"] < steps["all"] == story["steps"]


def test_the_floor_is_judged_on_every_codebook_and_every_guess() -> None:
    good = {"0.5": {"margins": {name: {"low": [0.1, 0.2]} for name in NAMES}}}
    assert all(judge_ratios(good).values())
    assert len(judge_ratios(good)) == len(NAMES)
    bad = {"0.5": {"margins": {**good["0.5"]["margins"], "copy": {"low": [0.1, -0.01]}}}}
    assert [met for point, met in judge_ratios(bad).items()].count(False) == 1
    spans = {"1": {"margin": {"bits": [0.1]}}, "2": {"margin": {"bits": [0.2]}}, "all": {"margin": {"low": [0.1]}}}
    assert list(judge_inpainting(spans).values()) == [True, True]
    assert list(judge_inpainting({**spans, "2": {"margin": {"bits": [-0.1]}}}).values()) == [False, True]
    assert list(judge_inpainting({**spans, "all": {"margin": {"low": [-0.1]}}}).values()) == [True, False]


def test_the_cards_music_was_not_trained_on() -> None:
    assert all(is_held_out(stem) for stem in HELD_OUT_PIECES)
    assert min(COMPOSED_SEEDS) >= 10  # those below choose among checkpoints
    assert max(COMPOSED_SEEDS) < FIRST_TRAINING_SEED


@pytest.mark.parametrize("name", CARDS)
def test_the_shipped_card_is_of_the_shipped_weights(name: str) -> None:
    path = zoo.weights_path(name)
    if not (path.parent / "card.json").exists():
        pytest.fail(f"data/models/{name} has no card.json: run `python -m course_utils.train token-card`")
    stored = json.loads((path.parent / "card.json").read_text("utf-8"))
    assert stored["weights_sha256"] == sha256_of(path)
    assert stored["weights_bytes"] == path.stat().st_size
    assert (path.parent / "card.md").read_text("utf-8") == as_page(stored)
    judged = {} if name == "vampnet-causal" else judge_ratios(stored["ratios"])
    if name == "vampnet-coarse":
        judged |= judge_inpainting(stored["inpainting"])
        recording = read_recording("passes")
        assert stored["passes"] == rounded({"settings": recording.settings, **recording.numbers})
    assert stored["floor"] == judged


def test_a_figure_of_the_shipped_card_is_what_its_weights_give() -> None:
    from course_utils.audio import demo_clip
    from course_utils.codec import load_codec
    from course_utils.vampnet.load import load_vampnet

    path = zoo.weights_path("vampnet-coarse").parent / "card.json"
    if not path.exists():
        pytest.fail("data/models/vampnet-coarse has no card.json: run `python -m course_utils.train token-card`")
    codec = load_codec("course")
    coarse = load_vampnet(codec=codec).coarse
    pieces = [Piece(name, "demo clip", codec.encode(demo_clip(name))) for name in ("electronic", "guitar", "ladder")]
    stored = json.loads(path.read_text("utf-8"))["ratios"]["0.5"]["by_piece"]
    tally = tally_network(coarse, pieces, random_masks(pieces, 4, 0.5, 0))
    bits = tally.nats.sum(1) / tally.count.sum(1) / math.log(2)
    assert [stored[piece.name] for piece in pieces] == pytest.approx(bits.tolist(), abs=0.01)
