"""The graph of all-MiniLM-L6-v2, from word ids to one unit vector; `build_model` draws it twice, in float and in int8.

The model: 6 BERT layers of 384 hidden units and 12 heads, mean pooling over the real tokens, L2 normalisation
(sentence-transformers/all-MiniLM-L6-v2, model card and `1_Pooling/config.json`).
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LAYERS = 6
HEADS = 12
HIDDEN = 384
LAYER_NORM_EPSILON = 1e-12
MICROSOFT = "com.microsoft"  # the operator set of ONNX Runtime's fused transformer operators

Array = NDArray[Any]
Weights = Mapping[str, Array]


class GraphWriter:
    """Collects the nodes and constants of one graph; every node has one name, which is its first output's."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, Array] = {}

    def constant(self, name: str, value: Array) -> str:
        """Add a constant under `name`; adding the same name again is allowed for the same value only."""
        known = self._constants.setdefault(name, np.ascontiguousarray(value).reshape(value.shape))
        if not np.array_equal(known, value):
            raise ValueError(f"two constants are named {name}")
        return name

    def node(self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def split(self, value: str, outputs: list[str]) -> list[str]:
        """Cut `value` into equal parts along its last axis."""
        self._nodes.append(helper.make_node("Split", [value], outputs, name=outputs[0], axis=-1))
        return outputs

    def model(self) -> onnx.ModelProto:
        """The finished model: `input_ids` and `attention_mask` (int64, batch x length) to `embedding` (batch x 384)."""
        texts = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        vectors = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])
        constants = [numpy_helper.from_array(value, name) for name, value in self._constants.items()]
        graph = helper.make_graph(self._nodes, "all-MiniLM-L6-v2", texts, [vectors], constants)
        operator_sets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=operator_sets, ir_version=9, producer_name="forebay")


class Arithmetic(Protocol):
    """How the graph multiplies by a weight matrix and looks up words: the only parts where float and int8 differ."""

    def words(self, graph: GraphWriter, table: Array) -> str:
        """Rows of `table` for `input_ids`."""
        ...

    def product(self, graph: GraphWriter, left: str, weight: Array, output: str) -> str:
        """`left` times `weight`."""
        ...

    def product_after_gelu(self, graph: GraphWriter, left: str, weight: Array, output: str) -> str:
        """`left` times `weight`, where `left` comes out of GELU and so is never below -0.17."""
        ...


class Float:
    """32-bit floats throughout: the reference."""

    def words(self, graph: GraphWriter, table: Array) -> str:
        """Rows of `table` for `input_ids`."""
        return graph.node("Gather", [graph.constant("word_table", table), "input_ids"], "words")

    def product(self, graph: GraphWriter, left: str, weight: Array, output: str) -> str:
        """`left` times `weight`."""
        return graph.node("MatMul", [left, graph.constant(f"{output}_weight", weight)], output)

    def product_after_gelu(self, graph: GraphWriter, left: str, weight: Array, output: str) -> str:
        """`left` times `weight`."""
        return self.product(graph, left, weight, output)


def draw_model(weights: Weights, arithmetic: Arithmetic) -> onnx.ModelProto:
    """Draw the whole model over `weights` (names as in the published safetensors file)."""
    graph = GraphWriter()
    graph.node("Cast", ["attention_mask"], "mask_int", to=TensorProto.INT32)
    graph.node("Cast", ["attention_mask"], "mask_float", to=TensorProto.FLOAT)
    hidden = _embeddings(graph, weights, arithmetic)
    for layer in range(LAYERS):
        hidden = _encoder_layer(graph, weights, arithmetic, layer, hidden)
    _pool(graph, hidden)
    return graph.model()


def _embeddings(graph: GraphWriter, weights: Weights, arithmetic: Arithmetic) -> str:
    words = arithmetic.words(graph, weights["embeddings.word_embeddings.weight"])
    # A single text has token type 0 throughout, so that row is folded into the position table.
    positions = graph.constant(
        "position_table",
        weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0],
    )
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    first = graph.constant("zero", np.array([0], np.int64))
    graph.node("Slice", [positions, first, "length", first], "positions")
    graph.node("Add", [words, "positions"], "embedded")
    scale = graph.constant("embedded_norm_scale", weights["embeddings.LayerNorm.weight"])
    bias = graph.constant("embedded_norm_bias", weights["embeddings.LayerNorm.bias"])
    return graph.node("LayerNormalization", ["embedded", scale, bias], "hidden", epsilon=LAYER_NORM_EPSILON, axis=-1)


def _encoder_layer(graph: GraphWriter, weights: Weights, arithmetic: Arithmetic, layer: int, hidden: str) -> str:
    source, name = f"encoder.layer.{layer}.", f"layer{layer}_"
    attended = _attention(graph, weights, arithmetic, layer, hidden)
    projected = arithmetic.product(
        graph, attended, weights[f"{source}attention.output.dense.weight"].T, f"{name}attention_out"
    )
    middle = _add_and_normalise(graph, weights, f"{source}attention.output.", [projected, hidden], f"{name}middle")
    widened = arithmetic.product(graph, middle, weights[f"{source}intermediate.dense.weight"].T, f"{name}widened")
    widened_bias = graph.constant(f"{name}widened_bias", weights[f"{source}intermediate.dense.bias"])
    gelu = graph.node("BiasGelu", [widened, widened_bias], f"{name}gelu", domain=MICROSOFT)
    narrowed = arithmetic.product_after_gelu(graph, gelu, weights[f"{source}output.dense.weight"].T, f"{name}narrowed")
    return _add_and_normalise(graph, weights, f"{source}output.", [narrowed, middle], f"{name}hidden")


def _attention(graph: GraphWriter, weights: Weights, arithmetic: Arithmetic, layer: int, hidden: str) -> str:
    source, name = f"encoder.layer.{layer}.attention.self.", f"layer{layer}_"
    roles = ("query", "key", "value")
    weight = np.concatenate([weights[f"{source}{role}.weight"].T for role in roles], axis=1)
    bias = graph.constant(f"{name}qkv_bias", np.concatenate([weights[f"{source}{role}.bias"] for role in roles]))
    packed = arithmetic.product(graph, hidden, weight, f"{name}qkv")
    parts = graph.split(packed, [f"{name}{role}" for role in roles])
    inputs = [*parts, bias, "mask_int"]
    return graph.node("MultiHeadAttention", inputs, f"{name}attended", domain=MICROSOFT, num_heads=HEADS)


def _add_and_normalise(graph: GraphWriter, weights: Weights, source: str, addends: list[str], output: str) -> str:
    scale = graph.constant(f"{output}_norm_scale", weights[f"{source}LayerNorm.weight"])
    shift = graph.constant(f"{output}_norm_bias", weights[f"{source}LayerNorm.bias"])
    bias = graph.constant(f"{output}_bias", weights[f"{source}dense.bias"])
    inputs = [*addends, scale, shift, bias]
    return graph.node("SkipLayerNormalization", inputs, output, domain=MICROSOFT, epsilon=LAYER_NORM_EPSILON)


def _pool(graph: GraphWriter, hidden: str) -> None:
    # The mean's divisor cancels in the normalisation, so the masked sum is enough.
    one = graph.constant("one", np.array([1], np.int64))
    graph.node("Unsqueeze", ["mask_float", one], "mask_row")
    graph.node("MatMul", ["mask_row", hidden], "summed_row")
    graph.node("Squeeze", ["summed_row", one], "summed")
    graph.node("LpNormalization", ["summed"], "embedding", axis=-1, p=2)
