"""XLSX, XLSB, XLS and ODS: a page per sheet."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.table import lines

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page per sheet: its name, then its rows. A sheet that says it is huge ends this process, not the service."""
    if zipfile.is_zipfile(path):
        with Archive(path, limits):
            pass  # only its checks: calamine unzips by itself, within this process's memory
    try:
        workbook = CalamineWorkbook.from_path(path)
        for sheet in workbook.sheets_metadata:
            if sheet.typ != SheetTypeEnum.WorkSheet:
                yield PageText("")
                continue
            rows = workbook.get_sheet_by_name(sheet.name).iter_rows()
            text = "\n".join(lines([_shown(cell) for cell in row] for row in rows))
            yield PageText(f"{sheet.name}\n\n{text}\n" if text else "")
    except PasswordError as error:
        raise Refusal("encrypted", "The workbook is protected by a password.") from error
    except CalamineError as error:
        raise Refusal("corrupt", "The workbook cannot be read.") from error


def _shown(cell: _Cell) -> str:
    """A cell as a reader of the sheet would write it: no `.0` on whole numbers, ISO dates."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.12g}"
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)
