"""What a single document may cost its reader; docs/limits.md shows the defaults to users."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """Bounds on reading one file. Whole numbers only: they travel to the reading process as arguments.

    A bound on size ends a document as `too_large`, a bound on work or on decompression as `too_complex`.
    """

    file_bytes: int = 200_000_000
    pages: int = 20_000
    characters: int = 50_000_000  # of the whole document
    page_characters: int = 1_000_000  # longer pages of other formats than PDF go on in a further page
    cpu_seconds: int = 240
    markup_cpu_seconds: int = 30  # HTML, EPUB, mail, RTF: their parsers can be made to loop by a small file
    memory_bytes: int = 400 * 1024 * 1024  # address space of the reading process
    archive_entries: int = 10_000
    archive_bytes: int = 400_000_000  # unzipped, all entries that are read
    archive_ratio: int = 100  # unzipped to zipped; looked at above 10 MB unzipped
    part_bytes: int = 100_000_000  # one unzipped entry
    markup_bytes: int = 20_000_000  # one HTML page, RTF or JSON file
    mail_bytes: int = 60_000_000
    mail_header_characters: int = 65_536
    mail_parts: int = 1_000
