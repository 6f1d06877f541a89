"""Parts of an outline: chosen nodes below the nearest ancestor that is left, and pieces that fit a budget."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.domain.excerpt import Piece, Selection, markdown, pieces, select, words
from forebay.domain.outline import Kind, outline

TREE = outline("# Title\n\nHello world.\n\n- x\n  - y\n\n|a|b|\n|-|-|\n|1|2|\n")
TITLE, HELLO, LIST, X, INNER, Y, TABLE, ROW = range(1, 9)


def kept(**wanted: object) -> list[tuple[int, int]]:
    """Number and parent of what is left, without the root."""
    return [(node.number, node.parent) for node in select(TREE, Selection(**wanted))[1:]]  # type: ignore[arg-type]


def test_everything_is_wanted_where_nothing_is_said() -> None:
    assert select(TREE, Selection()) == TREE


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (
            {"exclude": frozenset({Kind.SECTION})},
            [(HELLO, 0), (LIST, 0), (X, LIST), (INNER, X), (Y, INNER), (TABLE, 0), (ROW, TABLE)],
        ),
        ({"exclude": frozenset({Kind.LIST, Kind.TABLE})}, [(TITLE, 0), (HELLO, TITLE)]),
        (
            {"exclude": frozenset({Kind.TABLE_ROW, Kind.LIST_ITEM, Kind.TEXT})},
            [(TITLE, 0), (LIST, TITLE), (INNER, LIST), (TABLE, TITLE)],
        ),
        ({"include": frozenset({Kind.TABLE})}, [(TABLE, 0), (ROW, TABLE)]),
        ({"include": frozenset({Kind.TEXT, Kind.LIST_ITEM})}, [(HELLO, 0), (X, 0), (Y, X)]),
        ({"include": frozenset({Kind.LIST}), "exclude": frozenset({Kind.LIST_ITEM})}, [(LIST, 0), (INNER, LIST)]),
        ({"include": frozenset({Kind.IMAGE})}, []),
        ({"numbers": frozenset({X})}, [(X, 0), (INNER, X), (Y, INNER)]),
        ({"numbers": frozenset({X}), "with_children": False}, [(X, 0)]),
        (
            {"numbers": frozenset({Y}), "with_ancestors": True},
            [(TITLE, 0), (LIST, TITLE), (X, LIST), (INNER, X), (Y, INNER)],
        ),
        ({"numbers": frozenset({ROW, HELLO}), "exclude": frozenset({Kind.TEXT})}, [(ROW, 0)]),
        ({"numbers": frozenset({99})}, []),
        ({"numbers": frozenset()}, []),
    ],
)  # fmt: skip
def test_what_is_left_hangs_below_its_nearest_ancestor(wanted: dict[str, object], left: list[tuple[int, int]]) -> None:
    assert kept(**wanted) == left


def test_nothing_wanted_leaves_no_root_either() -> None:
    assert select(TREE, Selection(numbers=frozenset({99}), with_ancestors=True)) == []
    assert [node.kind for node in select(TREE, Selection(numbers=frozenset({0}), with_children=False))] == [Kind.ROOT]


def test_a_tables_rows_are_not_said_twice_and_blocks_stand_apart() -> None:
    assert markdown(TREE) == "# Title\n\nHello world.\n\n* x\n  * y\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n"
    assert markdown(select(TREE, Selection(include=frozenset({Kind.TABLE_ROW, Kind.LIST_ITEM})))) == (
        "* x\n  * y\n\n| 1 | 2 |\n"
    )


def test_pieces_are_cut_between_nodes_then_lines_then_words() -> None:
    text = "# A\n\none two three\n\nfirst line here\nsecond line here it is\n\n- x\n"

    assert [piece.text for piece in pieces(outline(text), 4)] == [
        "# A\n\n",
        "one two three\n\n",
        "first line here\n",
        "second line here it ",
        "is\n\n* x\n",
    ]


def test_a_piece_knows_the_node_that_it_begins_with() -> None:
    assert list(pieces(TREE, 6)) == [
        Piece(TITLE, "# Title\n\nHello world.\n\n"),
        Piece(X, "* x\n  * y\n\n"),
        Piece(TABLE, "| a | b |\n"),
        Piece(TABLE, "| - | - |\n"),
        Piece(TABLE, "| 1 | 2 |\n\n"),
    ]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=st.text(alphabet="ab ,.#-|\n", max_size=80), most=st.integers(1, 12))
def test_pieces_fit_the_budget_and_hold_all(text: str, most: int) -> None:
    nodes = outline(text)

    found = [piece.text for piece in pieces(nodes, most)]

    assert "".join(found).split() == markdown(nodes).split() or "".join(found).replace("\n", "") == markdown(
        nodes
    ).replace("\n", "")
    assert all(0 < words(piece) <= most for piece in found)
