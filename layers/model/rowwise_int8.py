"""Int8 arithmetic with one scale per token, so that a text's vector never depends on the texts beside it.

ONNX Runtime's `quantize_dynamic` has one activation scale per batch: the same text in another batch gets another vector
(cosine down to 0.971). Here every token row has its own scale. Weights have 7 bits and a scale per output channel: with
8 bits, AVX2's 16-bit intermediate sums would saturate (255 * 128 * 2 > 32,767) and machines would disagree.
"""

import numpy as np
from onnx import TensorProto

from minilm import Array, GraphWriter

WEIGHT_STEPS = 64  # 7-bit weights: -64..64
ZERO_POINT = 128  # of signed activations stored as unsigned bytes
GELU_SHIFT = 0.17  # GELU's minimum is -0.16997: shifted by this it is unsigned and uses all 255 steps
SMALLEST_SCALE = 1e-9  # keeps an all-zero row from being divided by zero


class RowwiseInt8:
    """Products of unsigned 8-bit activations, quantised per token, and signed 7-bit weights."""

    def words(self, graph: GraphWriter, table: Array) -> str:
        """Rows of `table` for `input_ids`, from a table of 7-bit rows with a scale each."""
        quantised, scales = _quantise(table, axis=1)
        graph.node("Gather", [graph.constant("word_table", quantised), "input_ids"], "words_int")
        graph.node("Gather", [graph.constant("word_scales", scales), "input_ids"], "words_scale")
        graph.node("Cast", ["words_int"], "words_float", to=TensorProto.FLOAT)
        return graph.node("Mul", ["words_float", "words_scale"], "words")

    def product(self, graph: GraphWriter, left: str, weight: Array, output: str) -> str:
        """`left` times `weight`; each row of `left` is scaled to -127..127 around the zero point."""
        quantised, scales = _quantise(weight, axis=0)
        magnitude = graph.node("Abs", [left], f"{output}_magnitude")
        step = graph.constant("step_signed", np.array(1 / 127, np.float32))
        zero_point = graph.constant("zero_point", np.array(ZERO_POINT, np.uint8))
        scale = _row_scale(graph, magnitude, step, output)
        rows = _quantised_rows(graph, left, scale, zero_point, output)
        factors = [rows, graph.constant(f"{output}_weight", quantised), zero_point]
        summed = graph.node("MatMulInteger", factors, f"{output}_int")
        return _rescaled(graph, summed, scale, scales, output)

    def product_after_gelu(self, graph: GraphWriter, left: str, weight: Array, output: str) -> str:
        """`left` times `weight`; rows are shifted to be positive, and the shift's share is taken off again."""
        quantised, scales = _quantise(weight, axis=0)
        shift = graph.constant("gelu_shift", np.array(GELU_SHIFT, np.float32))
        shifted = graph.node("Add", [left, shift], f"{output}_shifted")
        step = graph.constant("step_unsigned", np.array(1 / 255, np.float32))
        scale = _row_scale(graph, shifted, step, output)
        rows = _quantised_rows(graph, shifted, scale, graph.constant("zero_byte", np.array(0, np.uint8)), output)
        summed = graph.node("MatMulInteger", [rows, graph.constant(f"{output}_weight", quantised)], f"{output}_int")
        surplus = _rescaled(graph, summed, scale, scales, f"{output}_surplus")
        share = -GELU_SHIFT * (quantised.astype(np.float64) * scales).sum(axis=0)
        return graph.node("Add", [surplus, graph.constant(f"{output}_share", share.astype(np.float32))], output)


def _quantise(weight: Array, *, axis: int) -> tuple[Array, Array]:
    """7-bit integers and their scales; `axis` is the one that shares a scale."""
    scales = np.abs(weight).max(axis=axis, keepdims=True) / WEIGHT_STEPS
    scales = np.maximum(scales, SMALLEST_SCALE).astype(np.float32)
    quantised = np.clip(np.round(weight / scales), -WEIGHT_STEPS, WEIGHT_STEPS).astype(np.int8)
    return quantised, scales if axis == 1 else scales[0]


def _row_scale(graph: GraphWriter, magnitude: str, step: str, output: str) -> str:
    graph.node("ReduceMax", [magnitude], f"{output}_largest", axes=[-1], keepdims=1)
    graph.node("Mul", [f"{output}_largest", step], f"{output}_raw_scale")
    smallest = graph.constant("smallest_scale", np.array(SMALLEST_SCALE, np.float32))
    return graph.node("Max", [f"{output}_raw_scale", smallest], f"{output}_scale")


def _quantised_rows(graph: GraphWriter, rows: str, scale: str, zero_point: str, output: str) -> str:
    graph.node("Div", [rows, scale], f"{output}_scaled")
    unit = graph.constant("unit_scale", np.array(1, np.float32))
    return graph.node("QuantizeLinear", [f"{output}_scaled", unit, zero_point], f"{output}_bytes")


def _rescaled(graph: GraphWriter, summed: str, row_scale: str, weight_scales: Array, output: str) -> str:
    graph.node("Cast", [summed], f"{output}_sum", to=TensorProto.FLOAT)
    graph.node("Mul", [f"{output}_sum", row_scale], f"{output}_row_scaled")
    return graph.node("Mul", [f"{output}_row_scaled", graph.constant(f"{output}_weight_scales", weight_scales)], output)
