"""Finds the outputs of a graph that may be computed for several requests at once, and those that take a steady time.

Nothing that has an effect, or is drawn at random, may lie on the way to the first: then a run more or less would show.
No loop and nothing that unpacks lies on the way to the second: then the values would decide how long a run takes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from tensorflow.python.framework import op_def_registry

HARMLESS = frozenset(
    [
        "Assert",
        "Case",
        "HashTable",
        "HashTableV2",
        "If",
        "LookupTableFind",
        "LookupTableFindV2",
        "LookupTableSize",
        "LookupTableSizeV2",
        "NoOp",
        "MutableHashTableV2",
        "PartitionedCall",
        "Placeholder",
        "PlaceholderWithDefault",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "Stack",
        "StackV2",
        "StackPopV2",
        "StackPushV2",
        "StatefulPartitionedCall",
        "TensorArrayV3",
        "VarHandleOp",
        "VarIsInitializedOp",
        "Variable",
        "VariableV2",
        "While",
    ]
)
"""Ops that TensorFlow calls stateful, and that change nothing which outlives a run."""

LOOPS = frozenset(
    ["While", "StatelessWhile", "NextIteration", "RefNextIteration", "For", "SymbolicGradient", "RemoteCall"]
)
UNPACKING = ("Decode", "Parse", "Regex", "StaticRegex", "Unicode", "Decompress", "Map")
"""How the names of ops begin that make much of a few bytes, or may."""


def mergeable_tensors(graph_def: Any, tensors: Collection[str], feeds: Collection[str]) -> set[str]:
    """Return those of `tensors` on whose way nothing but harmless ops lie.

    Args:
        graph_def: The graph.
        tensors: Names of tensors that are fetched.
        feeds: Names of tensors that are fed; what lies behind them is not run.
    """
    return _tensors(graph_def, tensors, feeds, _is_harmless_op)


def steady_tensors(graph_def: Any, tensors: Collection[str], feeds: Collection[str]) -> set[str]:
    """Return those of `tensors` that take as long to compute for any values, where the shapes are the same.

    Args:
        graph_def: The graph.
        tensors: Names of tensors that are fetched.
        feeds: Names of tensors that are fed; what lies behind them is not run.
    """
    return _tensors(graph_def, tensors, feeds, _is_steady_op)


def _tensors(
    graph_def: Any, tensors: Collection[str], feeds: Collection[str], is_good: Callable[[str], bool]
) -> set[str]:
    """Return those of `tensors` on whose way nothing but good ops lie, also in the functions that are called."""
    nodes = {node.name: node for node in graph_def.node}
    functions = {function.signature.name: function for function in graph_def.library.function}
    known: dict[str, bool] = {}
    fed = {_node(tensor) for tensor in feeds}
    return {
        tensor
        for tensor in tensors
        if all(_is_good(node, functions, known, is_good) for node in _on_the_way(tensor, nodes, fed))
    }


def _on_the_way(tensor: str, nodes: Mapping[str, Any], fed: Collection[str]) -> Iterator[Any]:
    seen, waiting = set(fed), [_node(tensor)]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        yield nodes[name]
        waiting += [_node(given) for given in nodes[name].input]


def _node(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _is_harmless_op(op: str) -> bool:
    if op in HARMLESS:
        return True
    definition = op_def_registry.get(op)
    return definition is not None and not definition.is_stateful


def _is_steady_op(op: str) -> bool:
    return op not in LOOPS and not op.startswith(UNPACKING)


def _is_good(node: Any, functions: Mapping[str, Any], known: dict[str, bool], is_good: Callable[[str], bool]) -> bool:
    if node.op not in functions and not is_good(node.op):
        return False
    return all(_is_good_function(name, functions, known, is_good) for name in _called(node, functions))


def _is_good_function(
    name: str, functions: Mapping[str, Any], known: dict[str, bool], is_good: Callable[[str], bool]
) -> bool:
    if name not in known:
        known[name] = True  # a function that calls itself adds nothing
        known[name] = name in functions and all(
            _is_good(node, functions, known, is_good) for node in functions[name].node_def
        )
    return known[name]


def _called(node: Any, functions: Mapping[str, Any]) -> Iterator[str]:
    if node.op in functions:
        yield node.op
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name
