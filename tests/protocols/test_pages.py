"""Lists, page by page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmtape.errors import RequestError
from slmtape.protocols.openai.pages import page

ITEMS = [{"id": f"i{number}"} for number in range(25)]


def test_a_page_has_twenty_items_and_says_whether_there_are_more() -> None:
    first = page(ITEMS, {}, order="asc")
    assert (first["first_id"], first["last_id"], first["has_more"]) == ("i0", "i19", True)
    assert len(first["data"]) == 20
    second = page(ITEMS, {"after": "i19"}, order="asc")
    assert (second["first_id"], second["last_id"], second["has_more"]) == ("i20", "i24", False)


def test_the_newest_come_first_unless_the_list_or_the_client_says_otherwise() -> None:
    assert page(ITEMS, {"limit": "2"})["data"] == [{"id": "i24"}, {"id": "i23"}]
    assert page(ITEMS, {"order": "desc"}, order="asc")["first_id"] == "i24"
    assert page(ITEMS, {"order": "asc"})["first_id"] == "i0"


def test_an_empty_page_has_no_ids() -> None:
    assert page([], {}) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@given(st.integers(0, 30), st.integers(1, 100), st.sampled_from(["asc", "desc"]))
def test_the_pages_together_are_the_list(count: int, limit: int, order: str) -> None:
    items = [{"id": f"i{number}"} for number in range(count)]
    seen, query = [], {"limit": str(limit), "order": order}
    more = True
    while more:
        told = page(items, query)
        seen += told["data"]
        more = told["has_more"]
        query["after"] = told["last_id"]
    assert seen == (items if order == "asc" else items[::-1])


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("limit", "0", "integer_below_min_value"),
        ("limit", "-1", "integer_below_min_value"),
        ("limit", "101", "integer_above_max_value"),
        ("limit", "9" * 5000, "integer_above_max_value"),
        ("limit", "ten", "invalid_type"),
        ("limit", "²", "invalid_type"),
        ("limit", "", "invalid_type"),
        ("order", "up", "invalid_value"),
        ("after", "i99", "invalid_value"),
        ("page", "2", "unknown_parameter"),
    ],
)
def test_a_mistake_in_the_query_is_told(name: str, value: str, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        page(ITEMS, {name: value})
    assert (caught.value.param, caught.value.code) == (name, code)


def test_other_names_may_be_known() -> None:
    assert page(ITEMS, {"include[0]": "x"})["has_more"]
    assert page(ITEMS, {"model": "m"}, known=["model"])["has_more"]
    with pytest.raises(RequestError):
        page(ITEMS, {"include": "x"}, known=["model"])
