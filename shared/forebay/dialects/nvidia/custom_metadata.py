"""The metadata that comes with an upload: what of it is kept with each file, which files it fails, and what is told."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

from forebay.dialects.nvidia.bodies import CustomMetadata
from forebay.domain.document import Metadata, is_name
from forebay.domain.json_text import json_bytes, write_json
from forebay.domain.metadata_schema import Checked, MetadataField, check_metadata

MEMBERS_MOST: Final = 63  # and the file's name
METADATA_BYTES_MOST: Final = 16_384  # of one file
_NAME_MOST: Final = 255
_PROBLEM_MOST: Final = 500
_FINDINGS_MOST: Final = 1_000
_REPEATED_BYTES_MOST: Final = 1_000_000  # metadata that is repeated in validation errors, of all files together


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found about the metadata of the files of one upload."""

    metadata: Mapping[str, Metadata]  # by file name
    bad: frozenset[str]  # files that fail for it
    memos: Mapping[str, str]  # JSON: validation errors, each numbered over all files


@dataclass(frozen=True, slots=True)
class _Finding:
    """A validation error to be told."""

    file: str  # "" where it is about none of the upload
    error: str
    about: Mapping[str, JsonValue]
    fails: bool


def judge(sent: Sequence[str], custom: Sequence[CustomMetadata], fields: Sequence[MetadataField]) -> Judgement:
    """Hold the metadata against the names of the files that were sent and the collection's schema (empty: anything
    fits). Metadata for a file that was not sent fails nothing."""
    names = list(dict.fromkeys(sent))
    checked = [_checked(item.metadata, fields) for item in custom]
    findings = [*_duplicates(sent), *_unfit(names, custom, checked), *_lacking(names, custom, fields)]
    memos: dict[str, list[JsonValue]] = {}
    for number, finding in enumerate(_bounded(findings)):
        told: JsonValue = {"error": finding.error, "metadata": dict(finding.about)}
        memos.setdefault(finding.file or names[0], []).append([number, told])
    return Judgement(
        metadata={item.filename: found.metadata for item, found in zip(custom, checked, strict=True)},
        bad=frozenset(finding.file for finding in findings if finding.fails),
        memos={name: write_json(told) for name, told in memos.items()},
    )


def _checked(metadata: Metadata, fields: Sequence[MetadataField]) -> Checked:
    size = json_bytes(dict(metadata))
    if len(metadata) > MEMBERS_MOST:
        return Checked({}, (f"{len(metadata)} fields are too many; at most {MEMBERS_MOST} are kept",))
    if size > METADATA_BYTES_MOST:
        return Checked({}, (f"{size} bytes of metadata are too many; at most {METADATA_BYTES_MOST} are kept",))
    if fields:
        return check_metadata(fields, metadata)
    odd = [name for name in metadata if not is_name(name)]
    return Checked(metadata, tuple(f"Field {name!r}: Names have 1 to 255 printable characters" for name in odd))


def _duplicates(sent: Sequence[str]) -> Iterator[_Finding]:
    for name, times in Counter(sent).items():
        if times > 1:
            error = (
                f"File '{name}': Total of {times - 1} duplicate(s) found. "
                "Duplicates were discarded and 1 file is being processed."
            )
            about: dict[str, JsonValue] = {"filename": name, "duplicate_count": times - 1}
            about["total_occurrences"] = times
            yield _Finding(name, error, about, fails=False)


def _unfit(names: Sequence[str], custom: Sequence[CustomMetadata], checked: Sequence[Checked]) -> Iterator[_Finding]:
    known = frozenset(names)
    for item, found in zip(custom, checked, strict=True):
        name = item.filename[:_NAME_MOST]
        about: dict[str, JsonValue] = {"filename": name, "file_metadata": item.metadata}
        if item.filename not in known:
            yield _Finding("", f"Filename: {name} is not provided in the ingestion request", about, fails=False)
            continue
        for problem in found.problems:
            yield _Finding(name, f"File '{name}': {problem[:_PROBLEM_MOST]}", about, fails=True)


def _lacking(
    names: Sequence[str], custom: Sequence[CustomMetadata], fields: Sequence[MetadataField]
) -> Iterator[_Finding]:
    required = [field.name for field in fields if field.required]
    described = {item.filename for item in custom}
    for name in names if required else ():
        if name not in described:
            error = f"File '{name}': No metadata provided but schema requires fields: {required}"
            yield _Finding(name, error, {"filename": name, "file_metadata": {}}, fails=True)


def _bounded(findings: Sequence[_Finding]) -> Iterator[_Finding]:
    """The findings that are told; their metadata is repeated as long as there is room in an answer."""
    left = _REPEATED_BYTES_MOST
    for finding in findings[:_FINDINGS_MOST]:
        left -= json_bytes(dict(finding.about))
        if left >= 0 or "file_metadata" not in finding.about:
            yield finding
        else:
            yield replace(finding, about={**finding.about, "file_metadata": {}})
