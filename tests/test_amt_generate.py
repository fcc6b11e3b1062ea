"""Sampling whole pieces: the rules hold, controls come in when they are due, the window slides, nothing is lost."""

from __future__ import annotations

import copy
import itertools
import shutil
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.amt import token_lists, vocab
from course_utils.amt.generate import Generated, GenerateError, Settings, draw_token, generate, generate_ar
from course_utils.amt.interleave import anticipate
from course_utils.amt.load import compile_steps
from course_utils.amt.network import AMT, AMTConfig, Cache
from course_utils.amt.rules import ALL, Rules
from course_utils.amt.sampling import draw
from course_utils.amt.vocab import Triples, as_controls, as_triples, onsets
from course_utils.amt.window import Reader, Window, relative, room_in, slide_effect


@cache
def model(context: int = 94) -> AMT:
    """A small random network that likes early times and short notes, with room for 29 events."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = AMT(AMTConfig(context=context, width=16, layers=2, heads=2)).eval().requires_grad_(False)
        for weight in network.parameters():
            weight += 0.3 * torch.randn_like(weight)
        lean = network.norm.bias / network.norm.bias.square().sum()
        late = torch.arange(10_000) / 60.0  # a time a second later is that much less likely
        table = network.tokens.weight
        table[:10_000] -= late[:, None].clamp(max=60) * lean
        table[vocab.REST] -= 3 * lean
    return network


def notes(*rows: tuple[float, float, int, int]) -> Triples:
    """Events from (onset s, duration s, pitch, instrument)."""
    return as_triples([[round(100 * t), 10_000 + round(100 * d), 11_000 + 128 * i + p] for t, d, p, i in rows])


def scale(start: float, end: float, step: float = 0.5, instrument: int = 0) -> Triples:
    return notes(*((t, 0.4, 60 + k % 12, instrument) for k, t in enumerate(np.arange(start, end, step).tolist())))


def sample(start: float = 0.0, end: float = 4.0, *args: Any, **options: Any) -> Generated:
    return generate(model(), start, end, *args, **{"max_events": 150, **options})


# --- what comes out ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.floats(0.3, 1.0), st.sampled_from(["block", "exact", 3]))
@settings(max_examples=12, deadline=None)
def test_no_rule_is_ever_broken(seed: int, top_p: float, slide: str | int) -> None:
    made = sample(1.0, 4.0, scale(0, 1), seed=seed, top_p=top_p, slide=slide, max_events=60)
    assert made.broken == {}
    times = [step.triple[0] for step in made.steps]
    assert times == sorted(times)
    assert times[0] >= 100
    for token in made.trace:
        assert 1 <= token.nucleus <= token.allowed <= {"time": 10_000, "duration": 1_000, "note": 16_513}[token.slot]
        assert 0 < token.probability <= 1
        assert token.entropy >= 0
    for rows in (made.events, made.new):
        assert not vocab.is_rest(rows).any()
        assert not vocab.is_control(rows).any()
        assert (np.diff(onsets(rows)) >= 0).all()
        assert len(rows) == 0 or onsets(rows).max() < 400


@given(
    st.sets(st.integers(0, 400), min_size=1, max_size=40).map(sorted), st.floats(0, 0.999), st.sampled_from([0.6, 1.0])
)
@settings(max_examples=60, deadline=None)
def test_a_token_is_drawn_from_the_spans_alone_whatever_lies_between(
    bounds: list[int], uniform: float, top_p: float
) -> None:
    spans = tuple((a, b) for a, b in itertools.pairwise(bounds))[::2] or ((bounds[0], bounds[0] + 1),)
    hidden = torch.randn(16, generator=torch.Generator().manual_seed(len(bounds)))
    token, how = draw_token(model(), hidden, spans, uniform, Settings(top_p))
    tokens = [number for low, high in spans for number in range(low, high)]
    plain = draw(model().logits(hidden)[tokens], uniform, top_p)
    assert int(token) == tokens[int(plain.index)]
    assert int(how.nucleus) == int(plain.nucleus)
    assert float(how.probability) == pytest.approx(float(plain.probability), rel=1e-4)
    assert float(how.entropy) == pytest.approx(float(plain.entropy), abs=1e-3)


def test_a_seed_means_the_same_music_and_another_other() -> None:
    one, same, other = (sample(seed=seed, max_events=30) for seed in (5, 5, 6))
    assert one.steps == same.steps
    assert [step.triple for step in one.steps] != [step.triple for step in other.steps]


@pytest.mark.parametrize("slide", ["block", "exact"])
def test_the_cache_changes_nothing_but_the_time(slide: str) -> None:
    with_it, without = (sample(2, 6, scale(0, 2, 0.1), slide=slide, cache=c, max_events=25) for c in (True, False))
    assert [step.triple for step in with_it.steps] == [step.triple for step in without.steps]
    assert without.readings == len(without.trace)
    assert with_it.readings < (10 if slide == "block" else len(with_it.steps) + 1)
    ours, theirs = (np.array([token.probability for token in made.trace]) for made in (with_it, without))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_the_prompt_is_kept_and_padded_for_the_network_only() -> None:
    prompt = notes((0, 0.5, 60, 0), (3.5, 0.5, 62, 0))
    made = sample(5, 6, prompt, max_events=3)
    assert made.arrangement[: 2 + 4, 2].tolist()[1:4] == [vocab.REST] * 3
    assert made.events[:2].tolist() == prompt.tolist()


# --- controls ---------------------------------------------------------------------------------------------------------


def places(made: Generated) -> list[tuple[int, int]]:
    """Of each control: its time and that of the event before it, in ticks (0 at the beginning)."""
    control = vocab.is_control(made.arrangement)
    at = onsets(made.arrangement)
    before = [at[:i][~control[:i]] for i in np.flatnonzero(control)]
    return [(int(at[i]), int(b[-1]) if len(b) else 0) for i, b in zip(np.flatnonzero(control), before, strict=True)]


@pytest.mark.parametrize("delta", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("start", [0.0, 2.0])
def test_a_control_comes_in_as_soon_as_it_is_due(start: float, delta: float) -> None:
    melody = as_controls(scale(0, 9, 0.7, 40))
    made = sample(start, 5, scale(0, start, 0.3), melody, delta=delta, seed=1)
    found = places(made)
    assert len(found) >= 3
    assert all(time - 100 * delta <= now for time, now in found)
    # The whole arrangement is the one that `anticipate` makes of the finished events.
    events, _ = token_lists.split(made.arrangement)
    again, _ = anticipate(events, melody, delta)
    assert made.arrangement.tolist()[: len(again)] == again.tolist()


def test_controls_of_the_first_seconds_are_heard_of_but_in_the_released_code_not_the_first_ticks() -> None:
    melody = as_controls(notes((0.02, 1, 70, 40), (0.5, 1, 72, 40), (3.0, 1, 74, 40)))
    assert [time for time, _ in places(sample(0, 2, None, melody))] == [2, 50, 300]
    assert [time for time, _ in places(sample(0, 2, None, melody, compat=True))] == [50, 300]


def test_the_released_code_takes_5_s_for_the_prompt_whatever_delta_is() -> None:
    melody, prompt = as_controls(scale(0, 9, 1, 40)), scale(0, 2, 0.5)
    ours, theirs = (sample(2, 2.5, prompt, melody, delta=1.0, compat=c, max_events=1) for c in (False, True))
    assert max(time for time, now in places(ours)) <= 300
    assert max(time for time, now in places(theirs)) >= 500


def test_inputs_behind_the_start_are_known_beforehand_and_kept() -> None:
    around = np.concatenate([scale(0, 1), scale(3, 4)])
    made = sample(1, 3, around, seed=2)
    assert made.arrangement[:, 2].max() >= vocab.CONTROL_OFFSET
    kept = {tuple(row) for row in made.events.tolist()}
    assert kept >= {tuple(row) for row in around.tolist()}
    assert len(made.events) == len(around) + len(made.new)
    assert made.steps[0].tokens[0].event == 0


def test_the_baseline_puts_things_in_when_their_time_has_come() -> None:
    later = scale(1, 4, 0.5, 40)
    made = generate_ar(model(), 1, 3, scale(0, 1), as_controls(later), seed=2, max_events=150)
    assert not vocab.is_control(made.arrangement).any()
    assert (np.diff(onsets(made.arrangement)) >= 0).all()
    assert [tuple(row) for row in made.events.tolist()].count(tuple(later[1].tolist())) == 1


def test_instruments_of_controls_still_to_come_count_for_the_limit() -> None:
    prompt = notes(*((0.1 * i, 0.1, 60, i) for i in range(10)))
    melody = as_controls(notes(*((30.0 + i, 0.5, 60, 20 + i) for i in range(5)), (1.5, 0.5, 60, 20)))
    made = sample(1, 3, prompt, melody, max_events=40)
    heard = {*token_lists.instruments(made.new)}
    assert heard <= {*range(10), *range(20, 25), vocab.DRUMS}


# --- compiled ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_steps_find_the_same_up_to_rounding() -> None:
    compiled = compile_steps(copy.deepcopy(model()))
    tokens = torch.randint(0, vocab.VOCAB_SIZE, (1, 24), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        caches = [network.cache() for network in (model(), compiled)]
        for part in (tokens[:, :20], *tokens[:, 20:].split(1, dim=1)):
            one, other = (network.hidden(part, c) for network, c in zip((model(), compiled), caches, strict=True))
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    one, other = (generate(network, 0, 1, seed=1) for network in (model(), compiled))
    np.testing.assert_array_equal(one.events, other.events)


def test_compiling_without_a_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match="no-such-compiler: install it"):
        compile_steps(copy.deepcopy(model()))


# --- rules off, limits, interrupts ------------------------------------------------------------------------------------


RULES = ("slots", "specials", "time", "gap", "instruments", "once")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_is_off_is_broken_and_counted(name: str) -> None:
    off = Rules(**{rule: rule != name for rule in RULES})
    prompt = notes(*((0.1 * i, 0.1, 60, i) for i in range(15)), (8.0, 1, 60, 0))
    one_track_mind = {"top_p": 0.01, "temperature": 1.0} if name == "once" else {"top_p": 1.0, "temperature": 8.0}
    made = sample(9, 20, prompt, rules=off, max_events=25, **one_track_mind)
    assert name in made.broken
    assert set(made.broken) == {name}
    assert made.broken[name] == sum(name in step.broken for step in made.steps)
    assert not vocab.is_control(made.events).any()
    durations = vocab.durations(made.events)
    assert ((durations >= 0) & (durations < 1000)).all()


def test_the_limit_ends_a_run() -> None:
    made = sample(0, 100, max_events=4)
    assert (made.stopped, made.complete, len(made.steps)) == ("limit", False, 4)


def test_a_heap_ends_a_run_where_that_is_asked() -> None:
    assert sample(most_at_once=100).complete
    made = sample(rules=Rules(once=False), top_p=0.01, most_at_once=3)  # the likeliest again and again
    assert made.stopped == "crowded"
    assert not made.complete
    at, counts = np.unique(onsets(made.new), return_counts=True)
    assert (counts[-1], counts[:-1].max(initial=0) <= 3) == (4, True)
    assert made.reached == vocab.seconds(int(at[-1]))
    with pytest.raises(ValueError, match="most_at_once is at least 1"):
        sample(most_at_once=0)


def test_an_interrupt_loses_nothing() -> None:
    calls: list[float] = []

    def progress(done: float, total: float) -> None:
        calls.append(done)
        assert total == 90
        if len(calls) == 5:
            raise KeyboardInterrupt

    made = sample(0, 90, progress=progress)
    assert (made.stopped, len(made.steps)) == ("interrupted", 5)
    whole = sample(0, 90, max_events=5)
    assert made.steps == whole.steps
    assert made.events.tolist() == whole.events.tolist()
    more = sample(made.reached, made.reached + 1, made.events, max_events=5)
    assert more.events[: len(made.events)].tolist() == made.events.tolist()


def test_progress_is_told_in_seconds() -> None:
    told: list[tuple[float, float]] = []
    sample(1, 3, scale(0, 1), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (2.0, 2.0)
    assert told == sorted(told)


# --- the window -------------------------------------------------------------------------------------------------------


def test_a_block_goes_at_once_and_then_nothing_for_a_while() -> None:
    window, exact = Window(9, 4, None), Window(9, 1, None)
    firsts = [window.slide(np.arange(n), n) for n in range(20)]
    assert firsts[:10] == [0] * 10
    assert firsts[10:] == [4, 4, 4, 4, 8, 8, 8, 8, 12, 12]
    assert [exact.slide(np.arange(n), n) for n in range(20)][9:] == list(range(11))


def test_a_window_never_counts_further_than_its_reach() -> None:
    window = Window(100, 10, 500)
    for rows in range(2, 60):
        begins = 40 * np.arange(rows)
        first = window.slide(begins, int(begins[-1]))
        assert begins[-1] - begins[first] <= 500


def test_long_silences_do_not_end_the_music_but_in_the_released_code() -> None:
    prompt = notes((0, 1, 60, 0), (1, 1, 60, 0))
    args = (108.0, 108.5, prompt)
    ours = generate(model(1024), *args, max_events=2)
    theirs = generate(model(1024), *args, max_events=2, compat=True)
    assert ours.steps[0].triple[0] >= 10_800
    assert ours.steps[0].tokens[0].token < 10_000
    assert theirs.steps[0].tokens[0].token == vocab.REST
    assert theirs.stopped == "end"


def test_a_slide_costs_one_reading() -> None:
    made = sample(3, 90, scale(0, 3, 0.11), max_events=60)
    assert 5 <= made.readings <= 12
    assert max(step.rows_seen for step in made.steps) == room_in(94) == 29


def test_reading_gives_what_the_network_gives() -> None:
    reader, tokens = Reader(model()), np.arange(20)
    with torch.inference_mode():
        for end in (8, 12, 12, 20):
            plain = model().hidden(torch.from_numpy(tokens[:end])[None])[0, -1]
            torch.testing.assert_close(reader.read(tokens[:end]), plain, rtol=1e-4, atol=1e-4)
        changed = np.where(tokens == 15, 0, tokens)
        plain = model().hidden(torch.from_numpy(changed)[None])[0, -1]
        torch.testing.assert_close(reader.read(changed), plain, rtol=1e-4, atol=1e-4)


def test_times_count_from_the_window() -> None:
    rows = notes((5, 1, 60, 0), (6, 1, 60, 0))
    assert relative(rows, 500)[:, 0].tolist() == [0, 100]
    assert relative(rows, 500, np.array([True, False]))[:, 0].tolist() == [0, 600]


def test_the_effect_of_a_slide_is_measured() -> None:
    effects = slide_effect(model(), scale(0, 30), [29, 15, 1])
    assert [effect.kept for effect in effects] == [29, 15, 1]
    assert effects[0].divergence == pytest.approx(0, abs=1e-6)
    assert effects[0].surprise == pytest.approx(effects[0].surprise_full)
    assert effects[2].divergence > effects[1].divergence > 0
    with pytest.raises(ValueError, match="has 3 events: the window holds 29"):
        slide_effect(model(), scale(0, 1.5), [2])
    with pytest.raises(
        ValueError, match="row 30 begins at 200 s; after its window, only 14.5 s to 100.49 s can be said"
    ):
        slide_effect(model(), np.concatenate([scale(0, 15), notes((200, 1, 60, 0))]), [20], [30])
    with pytest.raises(ValueError, match="can keep 1 to 29"):
        slide_effect(model(), scale(0, 30), [30])


class Regular(AMT):
    """Foretells the next time from the last event's alone, and the same duration and note whatever came before."""

    def __init__(self) -> None:
        super().__init__(AMTConfig(context=94, width=1, layers=1, heads=1))

    def hidden(self, tokens: torch.Tensor, cache: Cache | None = None) -> torch.Tensor:
        return tokens.roll(2, dims=1)[..., None].float()  # behind a note stands its event's time

    def logits(self, hidden: torch.Tensor, low: int = 0, high: int | None = None) -> torch.Tensor:
        """A geometric fall from half a second behind the last event on, in both directions."""
        place = torch.arange(low, high or self.config.vocabulary)
        return -0.05 * (place - hidden - 50).abs() if low < vocab.DUR_OFFSET else torch.zeros(len(place))


def test_odds_of_the_same_times_are_compared_however_the_windows_count() -> None:
    for effect in slide_effect(Regular(), scale(0, 30), [20, 5, 1]):
        assert effect.divergence == pytest.approx(0, abs=1e-5)
        assert effect.surprise == pytest.approx(effect.surprise_full)
    falling = 2 * np.exp(-0.05 * np.arange(3000)).sum() - 1
    both_sides = falling - np.exp(-0.05 * np.arange(51, 3000)).sum()  # nothing before the last event
    wanted = np.log2(both_sides) + np.log2(vocab.MAX_DUR) + np.log2(vocab.MAX_NOTE + 1)
    assert effect.surprise == pytest.approx(wanted, rel=1e-5)


def test_controls_alone_in_a_short_window() -> None:
    piece = np.concatenate([scale(0, 15), as_controls(notes((20, 1, 60, 0))), scale(15, 16)])
    effects = slide_effect(model(), piece, [29, 1], [31])
    assert np.isfinite(effects[1].divergence)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top_p": 0}, "above 0 and at most 1, not 0"),
        ({"top_p": 1.5}, "above 0 and at most 1, not 1.5"),
        ({"temperature": -1}, "0 or more, not -1"),
        ({"delta": -1}, "from 0 to 60, not -1"),
        ({"delta": float("inf")}, "from 0 to 60, not inf"),
        ({"slide": "sideways"}, "not 'sideways'"),
        ({"slide": 0}, "slide is|exact"),
        ({"max_events": 0}, "at least 1, not 0"),
    ],
)
def test_impossible_settings(options: dict[str, Any], said: str) -> None:
    if options == {"slide": 0}:
        with pytest.raises(ValueError, match="number of events from 1 on"):
            Settings(slide=0)
        return
    with pytest.raises(ValueError, match=said):
        sample(**options)


def test_impossible_stretches_and_lists() -> None:
    for start, end in ((3, 3), (4, 3), (-1, 3), (0, float("nan"))):
        with pytest.raises(GenerateError, match="from a start to a later end"):
            sample(start, end)
    with pytest.raises(GenerateError, match="no control lies before 4 s: the first of 2 is at 7 s"):
        sample(0, 4, None, as_controls(scale(7, 8)))
    with pytest.raises(GenerateError, match="inputs are events"):
        sample(0, 4, as_controls(scale(0, 1)))
    with pytest.raises(GenerateError, match="vocab.as_controls"):
        sample(0, 4, None, scale(0, 1))
    with pytest.raises(vocab.TokensError):
        sample(0, 4, np.array([1, 2]))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([-5, 10_020, 11_060], r"has no time: \[-5, 10020, 11060\]"),
        ([5, 20, 11_060], r"has no duration: \[5, 20, 11060\]"),
        ([5, 11_000, 11_060], "has no duration"),
        ([5, 10_020, 10_999], "has no note"),
    ],
)
def test_rows_that_are_no_events(row: list[int], said: str) -> None:
    with pytest.raises(GenerateError, match=f"event 0 {said}"):
        sample(inputs=as_triples([row]))
    if row[2] >= vocab.NOTE_OFFSET:
        with pytest.raises(GenerateError, match=f"control 0 {said}"):
            sample(controls=as_controls(as_triples([row])))


def test_networks_that_cannot_be_sampled_from() -> None:
    with pytest.raises(GenerateError, match="training mode"):
        generate(AMT(AMTConfig(width=4, layers=1, heads=1)), 0, 1)
    with pytest.raises(GenerateError, match="a network of 50 tokens"):
        generate(AMT(AMTConfig(vocabulary=50, width=4, layers=1, heads=1)).eval(), 0, 1)
    with pytest.raises(ValueError, match="context of 9 tokens is too short"):
        room_in(9)


def test_all_rules_hold_by_default() -> None:
    assert Settings().rules == ALL == Rules(True, True, True, True, True, True)
