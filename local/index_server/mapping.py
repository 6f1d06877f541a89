"""What an index accepts: its settings and fields, and documents parsed by them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from local.index_server.analysis import words
from local.index_server.errors import Refused, only

_MAPPER: Final = "mapper_parsing_exception"
_SETTINGS: Final = {"knn", "number_of_shards", "number_of_replicas", "refresh_interval"}
_PARAMETERS: Final[dict[str, set[str]]] = {
    "keyword": {"index", "doc_values"},
    "integer": {"index", "doc_values"},
    "text": set(),
    "object": {"enabled"},
    "knn_vector": {"dimension", "method"},
}
_ENCODERS: Final = ({"type": "fp16"}, {"bits": 16})
_LONGEST_KEYWORD: Final = 32_766  # bytes; Lucene's limit of a term
_INTEGER: Final = 2**31

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document ready to be made searchable."""

    source: dict[str, Any]  # without its vector
    keywords: list[tuple[str, str]]  # field and value
    texts: dict[str, list[str]]  # words by field
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class IndexMapping:
    """An index's body, checked."""

    body: dict[str, Any]
    fields: dict[str, dict[str, Any]]
    refresh_seconds: float  # below zero: by request only
    vector_field: str | None

    @property
    def text_fields(self) -> list[str]:
        """Names of the text fields, in one order."""
        return sorted(name for name, field in self.fields.items() if field["type"] == "text")

    def field_of(self, name: str, kind: str) -> dict[str, Any]:
        """A field that a query may use."""
        field = self.fields.get(name)
        if field is None or field["type"] != kind:
            raise Refused(400, "query_shard_exception", f"failed to create query: Field [{name}] is not {kind} type.")
        if field.get("index") is False:
            raise Refused(400, "query_shard_exception", f"Cannot search on field [{name}] since it is not indexed.")
        return field

    def parse(self, document: Any) -> Parsed:
        """A document by the mapping; Refused for what does not fit."""
        if not isinstance(document, dict):
            raise Refused(400, _MAPPER, "failed to parse: a document must be an object")
        unknown = sorted(set(document) - set(self.fields))
        if unknown:
            raise Refused(
                400,
                "strict_dynamic_mapping_exception",
                f"mapping set to strict, dynamic introduction of [{unknown[0]}] within [_doc] is not allowed",
            )
        parsed = Parsed({k: v for k, v in document.items() if k != self.vector_field}, [], {}, self._vector(document))
        for name, value in parsed.source.items():
            self._parse_field(name, value, parsed)
        return parsed

    def _parse_field(self, name: str, value: Any, parsed: Parsed) -> None:
        field = self.fields[name]
        if field["type"] == "object":
            if not isinstance(value, dict | None):
                raise Refused(400, _MAPPER, f"object mapping for [{name}] tried to parse field as object")
            return
        for member in value if isinstance(value, list) else [value]:
            if field["type"] == "integer":
                _check_integer(name, member)
            elif isinstance(member, dict):
                raise Refused(400, _MAPPER, f"failed to parse field [{name}] of type [{field['type']}]")
            elif field["type"] == "text":
                parsed.texts.setdefault(name, []).extend(words(_as_text(member)))
            elif field.get("index") is not False and member is not None:
                parsed.keywords.append((name, _checked_keyword(name, _as_text(member))))

    def _vector(self, document: dict[str, Any]) -> Vector | None:
        name = self.vector_field
        if name is None or document.get(name) is None:
            return None
        value = document[name]
        dimension = self.fields[name]["dimension"]
        vector = _numbers(value)
        if vector is None:
            raise Refused(400, _MAPPER, f"failed to parse field [{name}] of type [knn_vector]")
        if len(vector) != dimension:
            raise Refused(
                400,
                _MAPPER,
                f"failed to parse field [{name}] of type [knn_vector]: "
                f"Vector dimension mismatch. Expected: {dimension}, Given: {len(vector)}",
            )
        return vector


def parse_index(body: Any) -> IndexMapping:
    """The body of an index's creation; Refused for what this server does not model."""
    if not isinstance(body, dict):
        raise Refused(400, "parse_exception", "request body is required")
    only(body, {"settings", "mappings"}, "create", "parse_exception")
    settings = body.get("settings", {})
    only(settings, {"index"}, "settings", "illegal_argument_exception")
    index = settings.get("index", {})
    only(index, _SETTINGS, "settings.index", "illegal_argument_exception")
    mappings = body.get("mappings", {})
    only(mappings, {"dynamic", "properties"}, "mappings", _MAPPER)
    if mappings.get("dynamic") != "strict":
        raise Refused(400, _MAPPER, "this server knows strict mappings only")
    fields = mappings.get("properties", {})
    for name, field in fields.items():
        _check_field(name, field)
    vectors = [name for name, field in fields.items() if field["type"] == "knn_vector"]
    if len(vectors) > 1 or (vectors and index.get("knn") is not True):
        raise Refused(400, _MAPPER, "this server knows one knn_vector field, in an index with index.knn true")
    return IndexMapping(body, fields, _seconds(index.get("refresh_interval", "1s")), vectors[0] if vectors else None)


def _check_field(name: str, field: Any) -> None:
    if not name.isidentifier():
        raise Refused(400, _MAPPER, f"this server knows plain field names only, not [{name}]")
    kind = field.get("type") if isinstance(field, dict) else None
    if kind not in _PARAMETERS:
        raise Refused(400, _MAPPER, f"No handler for type [{kind}] declared on field [{name}]")
    only(field, {"type", *_PARAMETERS[kind]}, name, _MAPPER)
    if kind == "object" and field.get("enabled") is not False:
        raise Refused(400, _MAPPER, "this server knows objects that are not enabled only")
    if kind == "knn_vector":
        _check_vector_field(name, field)


def _check_vector_field(name: str, field: dict[str, Any]) -> None:
    dimension = field.get("dimension")
    if not isinstance(dimension, int) or not 1 <= dimension <= 16_000:
        raise Refused(400, _MAPPER, f"Dimension value must be between 1 and 16000 for vector: {name}")
    method = field.get("method", {})
    only(method, {"name", "engine", "space_type", "parameters"}, "method", _MAPPER)
    known = (method.get("name"), method.get("engine"), method.get("space_type"))
    if known != ("hnsw", "faiss", "innerproduct"):
        raise Refused(400, _MAPPER, f"this server knows hnsw, faiss, innerproduct only, not {known}")
    parameters = method.get("parameters", {})
    only(parameters, {"m", "ef_construction", "encoder"}, "parameters", _MAPPER)
    encoder = parameters.get("encoder")
    if encoder is not None and (encoder.get("name") != "sq" or encoder.get("parameters") not in _ENCODERS):
        raise Refused(400, _MAPPER, f"Invalid encoder: {encoder}")


def _seconds(interval: Any) -> float:
    text = str(interval)
    if text == "-1":
        return -1.0
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0)):
        number = text.removesuffix(unit)
        if number != text and number.isdigit():
            return int(number) * factor
    raise Refused(400, "illegal_argument_exception", f"failed to parse setting [index.refresh_interval]: [{text}]")


def _numbers(value: Any) -> Vector | None:
    """A list of finite numbers as an array, None for anything else."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal length
        return None
    if not isinstance(value, list) or array.ndim != 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        return None
    return array.astype(np.float32)


def _check_integer(name: str, value: Any) -> None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_integer and -_INTEGER <= value < _INTEGER):
        raise Refused(400, _MAPPER, f"failed to parse field [{name}] of type [integer]")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _checked_keyword(name: str, value: str) -> str:
    if len(value) * 4 > _LONGEST_KEYWORD and len(value.encode()) > _LONGEST_KEYWORD:
        raise Refused(
            400, "illegal_argument_exception", f'Document contains at least one immense term in field="{name}"'
        )
    return value
