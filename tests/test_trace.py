"""Reading, editing and stopping at layers: nothing stays behind, whatever happens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from engine.messages import LodestoneError
from engine.trace import Trace


class Both(nn.Module):
    """Puts out a pair, as attention does."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 2.0, x


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.drop(self.conv1(x)))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = Body()
        self.both = Both()
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        doubled, plain = self.both(self.body(x))
        return self.head((doubled + plain).mean((2, 3)))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


@pytest.fixture
def network() -> Network:
    return Network()


X = (2, 3, 5, 5)


def test_reads_what_the_layer_put_out(network: Network) -> None:
    x = torch.rand(X)
    with Trace(network, ("body.conv1", "both", "")) as trace:
        y = network(x)
    assert torch.equal(trace["body.conv1"], network.body.conv1(x))
    assert torch.equal(trace["both"], 2.0 * network.eval().body(x))
    assert torch.equal(trace[""], y)
    assert set(trace) == {"body.conv1", "both", ""}


def test_edits_reach_what_comes_after(network: Network) -> None:
    network.eval()
    x = torch.rand(X)
    plain = network(x)
    with Trace(network, ("both",), lambda _name, out: torch.zeros_like(out)) as trace:
        edited = network(x)
    expected = network.head(network.body(x).mean((2, 3)))  # the pair's second part alone
    assert torch.allclose(edited, expected, atol=1e-6)
    assert not trace["both"].any()
    assert torch.equal(network(x), plain)


def test_an_edit_of_another_shape_is_refused(network: Network) -> None:
    smaller = Trace(network, ("body",), lambda _name, out: out[:, :1])
    with pytest.raises(ValueError, match="edit of body"), smaller:
        network(torch.rand(X))
    assert hooks(network) == 0


def test_stops_when_all_have_run(network: Network) -> None:
    ran: list[int] = []
    network.head.register_forward_hook(lambda *_: ran.append(1))
    with Trace(network, ("body.conv1", "body"), stop=True) as trace:
        network(torch.rand(X))
        raise AssertionError("the block goes on behind a stop")
    assert set(trace) == {"body.conv1", "body"}
    assert not ran


def test_an_inner_stop_leaves_the_outer_trace_open(network: Network) -> None:
    x = torch.rand(X)
    with Trace(network, ("body.conv1",), lambda _name, out: out + 1.0) as outer:
        with Trace(network, ("body.conv1",), stop=True) as inner:
            network(x)
        assert torch.equal(inner["body.conv1"], network.body.conv1(x))  # edited alike by the outer
        assert hooks(network) == 1
        network(x)
    assert torch.equal(outer["body.conv1"], inner["body.conv1"])
    # An outer stop passes through an inner trace.
    with Trace(network, ("body.conv1",), stop=True) as outer, Trace(network, ("head",)) as inner:
        network(x)
    assert inner.silent == ("head",)
    assert set(outer) == {"body.conv1"}
    assert hooks(network) == 0


def test_eval_is_enforced_and_undone(network: Network) -> None:
    network.train()
    network.body.norm.eval()
    x = torch.rand(X)
    mean = network.body.norm.running_mean
    assert mean is not None
    before = mean.clone()
    with Trace(network, ("body.drop",)) as first:
        network(x)
    with Trace(network, ("body.drop",)) as second:
        network(x)
    assert torch.equal(first["body.drop"], second["body.drop"])  # no dropout
    assert torch.equal(mean, before)
    assert network.training
    assert network.body.drop.training
    assert not network.body.norm.training


def test_errors_leave_nothing_behind(network: Network) -> None:
    network.train()
    with pytest.raises(RuntimeError), Trace(network, ("body", "head")):  # noqa: PT012
        network(torch.rand(1, 7, 5, 5))
    assert hooks(network) == 0
    assert network.training
    assert network.body.drop.training


def test_unknown_layers_answer_with_the_nearest(network: Network) -> None:
    with pytest.raises(LodestoneError, match=r"body\.conv1"):
        Trace(network, ("head", "body.conv2"))
    with pytest.raises(LodestoneError, match="none by name"):
        Trace(nn.ReLU(), ("a",))
    assert hooks(network) == 0


def test_a_layer_that_never_runs_says_so(network: Network) -> None:
    with Trace(network, ("unused", "head")) as trace:
        network(torch.rand(X))
    assert trace.silent == ("unused",)
    with pytest.raises(LodestoneError, match="unused never ran"):
        trace["unused"]


def test_frozen_networks_and_gradients_alike(network: Network) -> None:
    network.requires_grad_(False)
    x = torch.rand(X, requires_grad=True)
    with Trace(network, ("body",)) as trace:
        network(x)[:, 0].sum().backward()
    assert x.grad is not None
    assert trace["body"].requires_grad
    with torch.inference_mode(), Trace(network, ("body",)) as trace:
        network(x)
    assert not trace["body"].requires_grad


def test_a_thousand_uses_leave_the_network_as_it_was(network: Network) -> None:
    network.eval()
    x = torch.rand(X)
    with torch.inference_mode():
        plain = network(x)
        for turn in range(1000):
            with Trace(network, ("body",), lambda _n, out: out * 0.0, stop=turn % 2 == 0):
                network(x)
        again = network(x)
    assert torch.equal(plain, again)
    assert hooks(network) == 0
