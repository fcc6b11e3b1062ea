"""One thread for small networks: within, and never left behind."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from course_utils import threads
from course_utils.amt.generate import generate
from course_utils.amt.network import AMT, AMTConfig
from course_utils.threads import one_for_small


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_a_small_network_has_one_thread_for_the_time_being() -> None:
    with one_for_small(nn.Linear(10, 10)):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_a_large_one_keeps_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "FEW_WEIGHTS", 110)
    with one_for_small(nn.Linear(10, 10)):
        assert torch.get_num_threads() == 3
    with one_for_small(nn.Linear(10, 10, bias=False)):
        assert torch.get_num_threads() == 1


def test_nor_is_one_elsewhere_than_on_a_cpu_or_without_weights_meant() -> None:
    for layers in (nn.Linear(10, 10, device="meta"), nn.GELU()):
        with one_for_small(layers):
            assert torch.get_num_threads() == 3


def test_they_come_back_after_an_error() -> None:
    with pytest.raises(RuntimeError), one_for_small(nn.Linear(10, 10)):
        raise RuntimeError
    assert torch.get_num_threads() == 3


def test_sampling_takes_one_and_gives_the_others_back() -> None:
    network = AMT(AMTConfig(width=16, layers=1, heads=2)).eval()
    seen = []
    made = generate(network, 0, 2, progress=lambda *_: seen.append(torch.get_num_threads()), max_events=20)
    assert made.steps
    assert seen[0] == 1
    assert torch.get_num_threads() == 3
