"""Paging by cursor (RFC 9865) on both databases: every row once while others come and go, and no cursor but one's own."""

import pytest

from tests.edge_client import problem


def page(client, path="/Users", **query):
    answer = client.get(path, **{"cursor": "", **query})
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def names(page):
    return [one["userName"] for one in page["Resources"]]


def walk(client, path="/Users", between=lambda number: None, **query):
    """The pages from first to last; `between` is called after each."""
    pages = [page(client, path, **query)]
    while "nextCursor" in pages[-1]:
        between(len(pages))
        pages.append(page(client, path, cursor=pages[-1]["nextCursor"], **query))
        assert len(pages) < 50
    return pages


@pytest.fixture
def people(client):
    """Seven users by name; the names are not in the order in which they were made."""
    return {name: client.person(name, title=name[0]) for name in ["c1", "a1", "b1", "a2", "c2", "b2", "a3"]}


SORTS = [{}, {"sortBy": "userName"}, {"sortBy": "userName", "sortOrder": "descending"}, {"sortBy": "title"}]
SORTS += [{"sortBy": "nickName"}, {"sortBy": "meta.created", "sortOrder": "descending"}]


@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_the_pages_hold_every_row_once_in_the_order_of_one_page(client, people, sort):
    whole = client.get("/Users", **sort).get_json()
    for count in (1, 3, 7, 8):
        pages = walk(client, count=count, **sort)
        assert [name for one in pages for name in names(one)] == names(whole)
        assert all(len(one["Resources"]) == one["itemsPerPage"] <= count for one in pages)
        assert {one["totalResults"] for one in pages} == {7}
        assert not any("startIndex" in one for one in pages)


@pytest.mark.parametrize(
    "sort", [*SORTS, {"filter": "title pr"}, {"sortBy": "title", "sortOrder": "descending"}], ids=str
)
def test_the_way_back_leads_through_the_same_pages(client, people, sort):
    for count in (1, 3, 7):
        pages = walk(client, count=count, **sort)
        back = [pages[-1]]
        while "previousCursor" in back[-1]:
            back.append(page(client, cursor=back[-1]["previousCursor"], count=count, **sort))
            assert len(back) < 50
        assert [names(one) for one in back[1:-1]] == [names(one) for one in pages[-2:0:-1]]
        assert names(back[-1])[: len(names(pages[0]))] == names(pages[0])
        assert ["nextCursor" in one for one in back] == ["nextCursor" in one for one in pages[::-1]]
        if len(pages) > 1:
            assert names(page(client, cursor=back[-1]["nextCursor"], count=count, **sort)) == names(pages[1])


def test_a_way_back_over_what_is_gone_ends_at_the_first_that_is_left(client, people):
    pages = walk(client, count=2, sortBy="userName")
    for name in ("a1", "a2", "b1"):
        client.send("DELETE", f"/Users/{people[name]}")
    back = page(client, cursor=pages[2]["previousCursor"], count=2, sortBy="userName")
    assert (names(back), "previousCursor" in back) == (["a3"], False)


@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_rows_that_stay_are_listed_once_while_others_come_and_go(client, people, sort):
    order = names(client.get("/Users", **sort).get_json())

    def disturb(number):
        client.person(f"b{number}new", title="b")
        client.send("DELETE", f"/Users/{people[order[number]]}")

    seen = [name for one in walk(client, between=disturb, count=2, **sort) for name in names(one)]
    stayed = names(client.get("/Users").get_json())
    assert [name for name in seen if name in people and name in stayed] == [name for name in order if name in stayed]
    assert len(set(seen)) == len(seen)


def test_the_last_row_of_a_page_may_be_deleted_before_the_next(client, people):
    first = page(client, count=3, sortBy="userName")
    client.send("DELETE", f"/Users/{people[names(first)[-1]]}")
    assert names(page(client, count=3, sortBy="userName", cursor=first["nextCursor"])) == ["b1", "b2", "c1"]


def test_a_filter_and_chosen_attributes_go_with_the_cursor(client, people):
    pages = walk(client, count=2, filter='userName sw "a"', attributes="userName", sortBy="userName")
    assert [names(one) for one in pages] == [["a1", "a2"], ["a3"]]
    assert set(pages[0]["Resources"][0]) == {"schemas", "id", "userName"}


def test_a_page_of_nothing_counts_only(client, people):
    counted = page(client, count=0)
    assert (counted["totalResults"], counted["Resources"], "nextCursor" in counted) == (7, [], False)
    assert page(client, count=-5)["Resources"] == []


def test_nobody_at_all_is_one_empty_page(client):
    assert page(client) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "itemsPerPage": 0,
        "Resources": [],
    }


def test_the_root_is_walked_by_cursor_too(client, people):
    client.agent("bot")
    client.group("ops")
    pages = walk(client, "/", count=4)
    assert [len(one["Resources"]) for one in pages] == [4, 4, 1]
    kinds = [one["meta"]["resourceType"] for each in pages for one in each["Resources"]]
    assert sorted(kinds) == ["Agent", "Group", *["User"] * 7]
    assert len({one["id"] for each in pages for one in each["Resources"]}) == 9


def test_a_search_message_takes_a_cursor(client, people):
    first = client.search("/Users", cursor="", count=5).get_json()
    second = client.search("/Users", cursor=first["nextCursor"], count=5).get_json()
    assert (len(first["Resources"]), len(second["Resources"]), "nextCursor" in second) == (5, 2, False)


def test_a_cursor_holds_only_characters_that_a_url_may_hold(client, people):
    cursor = page(client, count=1)["nextCursor"]
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()


def refused(client, cursor, scim_type="invalidCursor", path="/Users", **query):
    problem(client.get(path, **{"cursor": cursor, "count": 2, **query}), 400, scim_type, "cursor")


def test_a_cursor_that_was_never_given_out_is_refused(client):
    for cursor in ("x", "AAAA", "%", "é", "1", "a" * 5000):
        refused(client, cursor)


def test_a_cursor_that_was_tampered_with_is_refused(client, people):
    cursor = page(client, count=2)["nextCursor"]
    for place in (0, len(cursor) // 2, -3):
        changed = list(cursor)
        changed[place] = "A" if changed[place] != "A" else "B"
        refused(client, "".join(changed))
    refused(client, cursor[:-4])
    refused(client, cursor + "AAAA")


def test_a_cursor_is_good_for_its_own_client_only(client, new_client, people):
    refused(new_client("other"), page(client, count=2)["nextCursor"])


def test_a_cursor_is_good_for_its_own_query_only(client, people):
    cursor = page(client, count=2)["nextCursor"]
    for other in ({"filter": "title pr"}, {"sortBy": "title"}, {"attributes": "id"}, {"excludedAttributes": "name"}):
        refused(client, cursor, **other)


def test_a_cursor_is_good_for_its_own_resource_type_only(client, people):
    cursor = page(client, count=2)["nextCursor"]
    refused(client, cursor, path="/Agents")
    refused(client, cursor, path="/")


def test_a_cursor_ends_after_the_time_that_is_announced(client, people, clock):
    cursor = page(client, count=2)["nextCursor"]
    timeout = client.get("/ServiceProviderConfig").get_json()["pagination"]["cursorTimeout"]
    clock.move(seconds=timeout)
    assert client.get("/Users", cursor=cursor, count=2).status_code == 200
    clock.move(seconds=1)
    refused(client, cursor, "expiredCursor")


def test_another_count_than_the_first_is_refused(client, people):
    """RFC 9865 section 2: the count of the first page is the count of all."""
    cursor = page(client, count=2)["nextCursor"]
    problem(client.get("/Users", cursor=cursor, count=3), 400, "invalidCount", "count")


def test_a_count_above_the_most_is_refused_with_a_cursor_and_lowered_without(client, people):
    most = client.get("/ServiceProviderConfig").get_json()["pagination"]["maxPageSize"]
    problem(client.get("/Users", cursor="", count=most + 1), 400, "invalidCount", "count")
    assert client.get("/Users", cursor="", count=most).status_code == 200
    assert client.get("/Users", count=most + 1).get_json()["itemsPerPage"] == 7


def test_a_cursor_and_a_start_index_exclude_each_other(client, people):
    problem(client.get("/Users", cursor="", startIndex=1), 400, "invalidValue", "cursor")


def test_each_page_is_authorised_again(client, new_client, people):
    own = new_client("own", own_only=True)
    for number in range(3):
        own.person(f"mine{number}")
    pages = walk(own, count=2, sortBy="userName")
    assert [names(one) for one in pages] == [["mine0", "mine1"], ["mine2"]]
    assert pages[0]["totalResults"] == 3
