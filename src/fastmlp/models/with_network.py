"""What a model does about its graph: taking it, looking again at edited layers, other sizes of data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastmlp import _tree, graph, open_sizes, whole_batch
from fastmlp._lock import Lock
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.base import Layer
from fastmlp.models.network import Network
from fastmlp.training.sized import Sized
from fastmlp.variables import Variable, move_to_arena

_KEPT_SIZES = 256  # sizes of data that graphs are kept for
_sizing = Lock()


class NotBuilt(RuntimeError, AttributeError):
    """So that `hasattr(model, "input_shape")` tells whether the model is built, as in Keras."""


class WithNetwork(Layer, build_once=False):
    """What a model does about its graph, and those for other sizes of data; `Model` inherits it."""

    _network: Network | None
    _given_network: Network | None  # beneath a `call` of one's own
    _functions: dict[Any, Any]
    _executables: dict[Any, Any]
    _arena_room: Any

    # From the subclass.

    def _has_own_call(self) -> bool:
        """Whether its class has a `call` of its own."""
        raise NotImplementedError

    def _is_functional(self) -> bool:
        """Whether the layers are known from symbolic tensors, not from attributes."""
        raise NotImplementedError

    def _network_on(self, inputs: Any) -> Network:
        """The graph of `call`."""
        raise NotImplementedError

    # The graph.

    def _take_network(self, network: Network) -> None:
        """Takes the graph that the user described; beneath a `call` of one's own it is `super().call`."""
        self._set_network(network)
        self._given_network = network if self._has_own_call() else None

    def _trace_own_call(self) -> None:
        """Puts the graph of `call` around the one that was given, when it is first needed.

        Not sooner: `call` may read what `__init__` sets after `super().__init__`.
        """
        given = self._given_network
        if given is not None and self._network is given:
            self._set_network(self._network_on(given.input_structure))

    def _set_network(self, network: Network | None) -> None:
        """Takes a graph, or forgets the one there is."""
        if network is None:
            self._given_network = None
        self._network = network
        self._functions, self._executables = {}, {}
        self._forget_sizes()
        self._traced_at = Layer._last_edit
        if network is None:
            self._shapes = None
        else:
            self.dtype = network.outputs[0].dtype
            self._arena_room = move_to_arena(self.weights, self._arena_room)

    def _forget_sizes(self) -> None:
        """No data told sizes that the inputs leave open."""
        network = self._network
        known = network is not None and not network.is_open
        self._sized = Sized(network.inputs, network.outputs) if network and known else Sized()
        self._by_sizes: dict[Any, Sized] = {}

    @property
    def _takes_sizes(self) -> bool:
        network = self._network
        return network is not None and (network.is_open or not self._is_functional())

    def _sized_for(self, row_shapes: Any) -> Sized:
        network, last = self._graph(), self._sized
        if not self._takes_sizes:
            return last
        sizes = network.sizes_of(row_shapes)
        if sizes is None or sizes == last.sizes:
            return last
        with _sizing:  # also threads that call the model, or read batches ahead
            known = self._by_sizes.get(sizes)
            if known is None:
                try:
                    known = self._with_sizes(network, sizes)
                except (TypeError, ValueError):
                    if network.is_open or _differ_in_steps(sizes, network.inputs):
                        raise
                    return last  # which tells what features were expected
                self._by_sizes = dict([*self._by_sizes.items(), (sizes, known)][-_KEPT_SIZES:])
        return known

    def _with_sizes(self, network: Network, sizes: Any) -> Sized:
        """The graph with these sizes: of a subclass its `call` traced anew."""
        inputs = network.inputs_of(sizes)
        with graph.layer_scope(self.name), graph.training_scope(None):
            if not self._has_own_call():
                outputs = network.run(inputs)
            else:
                outputs = self._trace((_tree.pack(network.input_structure, inputs),), {})
            return Sized(inputs, _tree.flatten(whole_batch.each_of(outputs)))

    def _with_batch(self, sized: Sized, samples: int) -> Sized:
        """The same for batches of so many samples, where its layers need to know that."""
        if not sized.boundary.needs_batch:
            return sized
        with _sizing:
            key = (samples, sized.sizes)
            known = self._by_sizes.get(key)
            if known is None:
                with graph.batch_of(samples):
                    known = self._with_sizes(self._graph(), sized.sizes)
                known.samples = samples
                self._by_sizes = dict([*self._by_sizes.items(), (key, known)][-_KEPT_SIZES:])
        return known

    def _states(self) -> list[Variable]:
        """What stateful layers leave to the next batch."""
        if self._network is None or not self._network.is_open:
            return self._sized.boundary.states
        return _tree.flatten([getattr(layer, "states", None) for layer in self._all_layers()])

    def _narrowed(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        network = self._network
        if network is None or self._takes_sizes or not args:
            return args
        if not _tree.same_form(args[0], network.input_structure):
            return args
        both = zip(_tree.flatten(args[0]), network.inputs, strict=True)
        return _tree.pack(args[0], [open_sizes.narrowed(*one) for one in both]), *args[1:]

    def _look_again(self) -> None:
        """Traces the layers anew if an attribute of one was set since the graph was made."""
        network = self._network
        if network is None or self._traced_at == Layer._last_edit:
            return
        if all(layer._edited <= self._traced_at for layer in self._all_layers()):
            return
        if self._has_own_call():
            self._set_network(self._network_on(network.input_structure))
            if network is self._given_network:
                return
            for layer in network.layers:  # its calls took the places of these
                layer.calls[:] = [call for call in layer.calls if call not in network.calls]
            return
        if not network.is_open:
            network.trace_again()
        self._set_network(network)

    def _graph(self) -> Network:
        if self._network is None:
            raise NotBuilt(
                f"{type(self).__name__} '{self.name}': is not built, since it does not know its "
                "input. Hint: begin with Input((features,)), or call fit or build first"
            )
        return self._network


def _differ_in_steps(sizes: Sequence[Shape], inputs: Sequence[Tensor]) -> bool:
    """Whether samples have the last size that inputs have, if that is not their only one."""
    both = zip(sizes, inputs, strict=True)
    return all(len(size) > 1 and size[-1] == tensor.shape[-1] for size, tensor in both)
