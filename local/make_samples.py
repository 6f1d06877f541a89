"""Writes the sample documents that are not plain text: `python -m local.make_samples`, the same bytes each time."""

from pathlib import Path
from typing import Final

from tests import files

SAMPLES: Final = Path(__file__).parent / "samples"

_REPORT: Final = [
    "Incident report 2026-03: penstock 2 drained by mistake",
    (
        "Summary. On 3 March 2026 at 09:12 penstock 2 was drained while machine Berta was released for work on its "
        "spherical valve. Nobody was hurt. 14,000 cubic metres of water were lost to the lower "
        "basin, and the plant stood "
        "at half its power for 31 hours."
    ),
    (
        "What happened. The work permit named the drain valve of penstock 1. The valves of both "
        "penstocks stand side by "
        "side in gallery B, and their name plates had been taken off for painting on 27 February. "
        "The fitter opened the "
        "valve that stood where he expected the right one."
    ),
    (
        "Why it was possible. Gallery B has no interlock between the drain valves and the intake "
        "gates. The control room "
        "saw the pressure in penstock 2 fall, but took it for a failure of gauge G7, which had "
        "given false readings twice "
        "in the winter."
    ),
    "Root cause. Missing name plates on the drain valves, together with a gauge that nobody trusted.",
    (
        "Measures. Name plates are engraved into the valve wheels from now on. Gauge G7 was "
        "replaced on 9 March. A second "
        "person reads the valve's number aloud before any drain valve is opened. Responsible for all measures: "
        "Tomasz Berger, head of maintenance."
    ),
]
_REPORT_TABLE: Final = [
    ["Time", "Event"],
    ["09:12", "Drain valve of penstock 2 opened"],
    ["09:19", "Pressure at gauge G7 below 20 bar, alarm acknowledged as false"],
    ["09:41", "Water seen at the outlet, valve closed"],
    ["16:20 next day", "Penstock 2 filled again, Berta released"],
]
_SLIDES: Final = [
    ["Training: black start", "How Larkmoor brings the grid back when everything is dark", "Control room staff, 2026"],
    [
        "What a black start is",
        "A plant that starts without any power from outside and hands it to others.",
        "Larkmoor needs only its emergency diesel and water in the upper basin.",
    ],
    [
        "The first ten minutes",
        "Start the emergency diesel: 400 kW within 15 seconds.",
        "Open the intake gate by hand pump if the hydraulics have no pressure.",
        "Machine Ada starts first, since only Ada has a battery for its exciter.",
    ],
    [
        "Handing over",
        "Energise line 3 to the hospital of Wexcombe before all other lines.",
        "Take load in steps of 5 MW and hold the frequency between 49.0 and 51.0 Hz.",
        "Never connect two islands without the order of the grid control centre.",
    ],
]
_NOTES: Final = {3: "Ask the group: what if the diesel fails too? Answer: the turbine of the fish ladder gives 60 kW."}
_GENERATION: Final[list[list[files.Cell]]] = [
    ["Month", "Generated in MWh", "Pumped in MWh", "Hours of standstill"],
    ["January", 41250, 52900, 12],
    ["February", 38700, 49630, 20.5],
    ["March", 30110, 38600, 96],
    ["April", 27480, 35230, 210],
    ["May", 29900, 38340, 44],
    ["June", 33820, 43360, 8],
    ["July", 36240, 46470, 0],
    ["August", 35770, 45860, 3.5],
    ["September", 34020, 43620, 18],
    ["October", 37650, 48270, 0],
    ["November", 40980, 52540, 6],
    ["December", 43310, 55530, 2],
]
_OUTAGES: Final[list[list[files.Cell]]] = [
    ["Machine", "From", "To", "Reason"],
    ["Berta", "2025-03-10", "2025-03-21", "inspection of the thrust bearing"],
    ["Clara", "2025-04-01", "2025-05-02", "new rotor poles"],
    ["Dora", "2025-09-15", "2025-09-17", "oil cooler leaked"],
]
_MAIL: Final = """Hello Tomasz,

the divers were at the intake gate this morning. The left rail is worn by 6 mm over a length of two metres, just below
the water line; the drawing allows 4. They say that a beaver's dam upstream sends us branches that get between the
roller and the rail.

I suggest that we weld it up in the standstill of week 22, when the upper basin is low anyway. The welding company
Harrow & Pike can come on 26 May and needs two days. Their offer is 18,600 euro.

Until then the gate must not be closed under full flow more than once a day.

Kind regards
Ines

> On Thursday you asked:
> Is the intake gate still tight enough for the summer?
"""
_STORIES: Final = [
    (
        "The ferryman's clock",
        [
            (
                "Before the dam there was a ferry at Larkmoor, and the ferryman owned the only clock of the valley. "
                "He set it by the noon shadow of the church and sold the time for an egg."
            ),
            (
                "When the engineers came in 1931 they brought eleven clocks, and no two agreed. The "
                "valley went on buying "
                "its time from the ferryman until the ferry lay under forty metres of water."
            ),
        ],
    ),
    (
        "The pike in the penstock",
        [
            (
                "In the dry summer of 1976 the upper basin was emptied for the first time. In the "
                "bend of penstock 1 the "
                "workers found a pike of eleven kilograms, which had lived there for years on what the water brought."
            ),
            (
                "It was carried to the lower basin in a wet tarpaulin and seen again twice. The "
                "bend is called the pike's "
                "room to this day, even on the official drawings."
            ),
        ],
    ),
    (
        "揚水の話",
        [
            "日本の技師、佐藤春子は一九八四年にラークムーアを訪れた。彼女は水車の音を聞くだけで軸受の傷を見つけた。",
            "Haruko Sato's remark in the guest book reads: a machine tells you everything, if you are quiet.",
        ],
    ),
]


def documents() -> dict[str, bytes]:
    """File name -> content."""
    margins = {"header": "Larkmoor Storage Company, internal", "footer": "Report 2026-03, approved 12 March 2026"}
    return {
        "incident-report.docx": files.docx(_REPORT, table=_REPORT_TABLE, margins=margins),
        "training-slides.pptx": files.pptx(_SLIDES, notes=_NOTES),
        "generation-2025.xlsx": files.xlsx({"Generation": _GENERATION, "Outages": _OUTAGES}),
        "intake-gate-mail.eml": files.eml(
            "Wear on the rail of the intake gate",
            _MAIL,
            sender="Ines Okafor <ines.okafor@larkmoor.example>",
            to="Tomasz Berger <tomasz.berger@larkmoor.example>",
        ),
        "river-stories.epub": files.epub("Stories from the river", _STORIES),
    }


def main() -> None:
    """Write them beside the samples that are kept as text."""
    for name, content in documents().items():
        (SAMPLES / name).write_bytes(content)


if __name__ == "__main__":
    main()
