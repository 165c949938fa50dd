"""Finds the outputs of a graph that may be computed for several requests at once.

Nothing that has an effect, or is drawn at random, may lie on the way to them: then a run more or less would show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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


def mergeable_tensors(graph_def: Any, tensors: Collection[str], feeds: Collection[str]) -> set[str]:
    """Return those of `tensors` on whose way nothing but harmless ops lie.

    Args:
        graph_def: The graph.
        tensors: Names of tensors that are fetched.
        feeds: Names of tensors that are fed; what lies behind them is not run.
    """
    nodes = {node.name: node for node in graph_def.node}
    functions = {function.signature.name: function for function in graph_def.library.function}
    known: dict[str, bool] = {}
    fed = {_node(tensor) for tensor in feeds}
    return {
        tensor
        for tensor in tensors
        if all(_is_harmless(node, functions, known) for node in _on_the_way(tensor, nodes, fed))
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


def _is_harmless(node: Any, functions: Mapping[str, Any], known: dict[str, bool]) -> bool:
    if node.op not in functions and node.op not in HARMLESS:
        definition = op_def_registry.get(node.op)
        if definition is None or definition.is_stateful:
            return False
    return all(_is_harmless_function(name, functions, known) for name in _called(node, functions))


def _is_harmless_function(name: str, functions: Mapping[str, Any], known: dict[str, bool]) -> bool:
    if name not in known:
        known[name] = True  # a function that calls itself adds nothing
        known[name] = name in functions and all(
            _is_harmless(node, functions, known) for node in functions[name].node_def
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
