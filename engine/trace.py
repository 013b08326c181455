"""Reading, editing and stopping at named layers of any torch module. Imports torch.

    with Trace(network, ("layer3.0", "layer4"), edit=edit, stop=True) as trace:
        network(pictures)
    maps = trace["layer4"]

The idea is nethook's (David Bau, github.com/davidbau/baukit); the code is ours. While a trace is
open the module is in `eval()`; afterwards it is as it was, hooks and modes alike, however the block
was left. Traces nest, on the same layers too: an inner one sees what an outer one edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from torch import Tensor, nn

from engine.inspect.layers import unknown_layer
from models.errors import LodestoneError

Edit = Callable[[str, Tensor], Tensor | None]
"""(layer, its output) -> what the layer shall put out instead; None = as it is."""


class _Stop(Exception):
    """Every layer that was asked for has run: the rest of the network need not."""

    def __init__(self, trace: Trace):
        super().__init__()
        self.trace = trace


class Trace(Mapping[str, Tensor]):
    """Layer name -> its output, of what ran last while the trace was open.

    Of a layer that puts out several tensors the first is read and edited. Use each object once.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Sequence[str],
        edit: Edit | None = None,
        stop: bool = False,
    ):
        """`layers` are dotted names, "" the module itself. `stop`: run no further than needed."""
        known = dict(module.named_modules(remove_duplicate=False))
        for name in layers:
            if name not in known:
                raise unknown_layer(name, known)
        self._module = module
        self._layers = {name: known[name] for name in layers}
        self._edit = edit
        self._stop = stop and bool(layers)
        self._outputs: dict[str, Tensor] = {}
        self._handles: list[Any] = []
        self._trained: list[nn.Module] = []

    def __enter__(self) -> Trace:
        self._trained = [part for part in self._module.modules() if part.training]
        try:
            for part in self._trained:
                part.training = False
            for name, layer in self._layers.items():
                self._handles.append(layer.register_forward_hook(self._hook(name)))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:  # not bool: most blocks are left by their end
        self._close()
        return isinstance(error, _Stop) and error.trace is self

    def _close(self) -> None:
        for handle in self._handles:
            handle.remove()
        for part in self._trained:
            part.training = True
        self._handles, self._trained = [], []

    def _hook(self, name: str) -> Callable[..., Any]:
        def hook(_module: nn.Module, _inputs: object, output: Any) -> Any:
            tensor = _first(output, name)
            edited = self._edit(name, tensor) if self._edit else None
            if edited is not None:
                if edited.shape != tensor.shape:
                    raise ValueError(
                        f"the edit of {name} gave {tuple(edited.shape)} for {tuple(tensor.shape)}"
                    )
                output = _replaced(output, edited)
                tensor = edited
            self._outputs[name] = tensor
            if self._stop and len(self._outputs) == len(self._layers):
                raise _Stop(self)
            return output

        return hook

    def __getitem__(self, name: str) -> Tensor:
        if name in self._outputs:
            return self._outputs[name]
        if name in self._layers:
            raise LodestoneError(f"{name} never ran for this input. Choose another layer.")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    @property
    def silent(self) -> tuple[str, ...]:
        """Layers asked for that have not run."""
        return tuple(name for name in self._layers if name not in self._outputs)


def _first(output: Any, name: str) -> Tensor:
    """The tensor of an output, or the first of several."""
    if isinstance(output, Tensor):
        return output
    values = list(output.values()) if isinstance(output, Mapping) else output
    if isinstance(values, (tuple, list)):
        for value in values:
            if isinstance(value, Tensor):
                return value
    raise LodestoneError(f"{name} puts out no numbers that can be read. Choose another layer.")


def _replaced(output: Any, edited: Tensor) -> Any:
    """`output` with its first tensor replaced."""
    if isinstance(output, Tensor):
        return edited
    if isinstance(output, Mapping):
        key = next(key for key, value in output.items() if isinstance(value, Tensor))
        return {**output, key: edited}
    place = next(i for i, value in enumerate(output) if isinstance(value, Tensor))
    changed = [*output[:place], edited, *output[place + 1 :]]
    if hasattr(output, "_fields"):  # a named tuple
        return type(output)(*changed)
    return changed if isinstance(output, list) else tuple(changed)
