"""A text becomes the tree that Markdown's rules make of it, and none of its words is lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.domain.excerpt import markdown
from forebay.domain.outline import DEPTH_MOST, Kind, Node, outline

R, S, T, L, I, B, W = Kind.ROOT, Kind.SECTION, Kind.TEXT, Kind.LIST, Kind.LIST_ITEM, Kind.TABLE, Kind.TABLE_ROW  # noqa: E741


def shape(text: str) -> list[tuple[int, Kind, str]]:
    """Parent, kind and text of each node but the root."""
    return [(node.parent, node.kind, node.text) for node in outline(text)[1:]]


def test_the_first_node_is_the_root() -> None:
    assert outline("") == [Node(0, 0, R)]
    assert outline("\n \n") == [Node(0, 0, R)]


def test_what_stands_below_a_heading_is_its_child() -> None:
    text = "before\n# One\na\n\n### Deep ###\nb\n## Two\nc\n# Three #4\n"

    assert shape(text) == [
        (0, T, "before\n\n"),
        (0, S, "# One\n\n"),
        (2, T, "a\n\n"),
        (2, S, "### Deep\n\n"),
        (4, T, "b\n\n"),
        (2, S, "## Two\n\n"),
        (6, T, "c\n\n"),
        (0, S, "# Three #4\n\n"),
    ]


def test_an_underlined_line_is_a_heading() -> None:
    assert shape("One\n===\na\n\nTwo\nlines\n---\nb") == [
        (0, S, "# One\n\n"),
        (1, T, "a\n\n"),
        (1, S, "## Two lines\n\n"),
        (3, T, "b\n\n"),
    ]


@pytest.mark.parametrize(
    "text", ["#tag", "####### seven", "1986 was good", "a # b", "-5 degrees", "x - y", "*emphasis*"]
)
def test_what_only_looks_like_markup_is_text(text: str) -> None:
    assert shape(text) == [(0, T, f"{text}\n\n")]


def test_paragraphs_end_at_empty_lines_and_keep_their_lines() -> None:
    assert shape("  a\nb  \n\n\nc") == [(0, T, "a\nb\n\n"), (0, T, "c\n\n")]


def test_items_in_items_are_lists_in_lists() -> None:
    text = "- a\n  more\n  1. b\n  2. c\n     - d\n- e\n\n- f\n\n  still f\n\nend"

    assert shape(text) == [
        (0, L, ""),
        (1, I, "* a\n  more\n"),
        (2, L, ""),
        (3, I, "  1. b\n"),
        (3, I, "  2. c\n"),
        (5, L, ""),
        (6, I, "    * d\n"),
        (1, I, "* e\n"),
        (1, I, "* f\n  still f\n"),
        (0, T, "end\n\n"),
    ]


def test_a_list_breaks_a_paragraph_only_where_it_cannot_be_one() -> None:
    assert shape("see\n- a") == [(0, T, "see\n\n"), (0, L, ""), (2, I, "* a\n")]
    assert shape("it was in\n1986. A year") == [(0, T, "it was in\n1986. A year\n\n")]


def test_lists_are_not_deeper_than_a_tree_may_be() -> None:
    text = "".join(f"{'  ' * depth}- item {depth}\n" for depth in range(30))

    assert sum(1 for node in outline(text) if node.kind is L) == DEPTH_MOST


def test_a_table_holds_its_rows() -> None:
    text = "a | b\n--|:-:\n1 | 2\n| 3 |\n4 | 5 | 6\nend"

    assert shape(text) == [
        (0, B, "| a | b |\n| - | - |\n| 1 | 2 |\n| 3 |  |\n| 4 | 5 | 6 |\n\n"),
        (1, W, "| 1 | 2 |\n"),
        (1, W, "| 3 |  |\n"),
        (1, W, "| 4 | 5 | 6 |\n"),
        (0, T, "end\n\n"),
    ]


def test_an_escaped_bar_does_not_end_a_cell() -> None:
    assert shape("|a\\|b|c|\n|-|-|\n")[0] == (0, B, "| a\\|b | c |\n| - | - |\n\n")


@pytest.mark.parametrize("text", ["a | b\n-- | -- | --", "a | b\nc | d", "a\n| - |", "a | b\n"])
def test_bars_alone_make_no_table(text: str) -> None:
    assert B not in {kind for _, kind, _ in shape(text)}


def test_code_is_text_whatever_stands_in_it() -> None:
    code = "```py\n# no heading\n- no item\n\n| a |\n```"

    assert shape(f"{code}\nafter") == [(0, T, f"{code}\n\n"), (0, T, "after\n\n")]
    assert shape("~~~\n# open to the end") == [(0, T, "~~~\n# open to the end\n\n")]


def test_an_image_alone_on_its_line_is_a_node_of_its_own() -> None:
    assert shape('![a pump](pump.png "Pump 7")\n\nsee ![it](x.png)') == [
        (0, Kind.IMAGE, '![a pump](pump.png "Pump 7")\n\n'),
        (0, T, "see ![it](x.png)\n\n"),
    ]


def test_a_break_stands_alone() -> None:
    assert shape("a\n\n---\nb\n***\nc") == [(0, T, f"{each}\n\n") for each in ("a", "---", "b", "***", "c")]


LINES = st.lists(
    st.text(alphabet='ab12 #-*+|`~=>_![]().\t\\:"', max_size=12)
    | st.sampled_from(["- a", "  - b", "1. c", "# h", "|a|b|", "|-|-|", "```", "---", "===", "> q", "", "text"]),
    max_size=12,
).map("\n".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=LINES)
def test_no_word_is_lost_and_every_parent_comes_first(text: str) -> None:
    nodes = outline(text)

    assert re.findall("[ab12]+", markdown(nodes)) == re.findall("[ab12]+", text)
    assert all(node.number == place for place, node in enumerate(nodes))
    assert all(node.parent < node.number for node in nodes[1:])


MANY = 200_000  # what goes over a line of this length once for each of its characters does not end


@pytest.mark.parametrize(
    "text",
    [
        "#" + " " * MANY + "x", "# " * MANY, "- " * MANY, "-" + " " * MANY + "x", "|" * MANY + "\n" + "|-" * MANY,
        "a|b\n-" + " " * MANY + "|x", "![" * MANY, "![a](b" + " " * MANY + ")", "*" * MANY, "_ " * MANY + "x",
        "`" * MANY, " " * MANY + "x", "a\n" * MANY + "===",
    ],
    ids=lambda text: repr(text[:6]),
)  # fmt: skip
def test_no_line_is_gone_over_again_and_again(text: str) -> None:
    assert outline(text)
