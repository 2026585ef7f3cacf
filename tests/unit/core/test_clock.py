"""Moments as texts: of fixed width, so that their order is that of the instants."""

from connector.core.clock import from_text, to_text


def test_the_order_of_the_texts_is_that_of_the_instants() -> None:
    given = [
        "0999-12-31T23:59:59Z",
        "2027-03-01T12:00:00.0009Z",
        "2027-03-01T13:00:00.001+01:00",
        "9999-01-01T00:00:00Z",
    ]
    texts = [to_text(from_text(one)) for one in given]
    assert texts[:3] == ["0999-12-31T23:59:59.000Z", "2027-03-01T12:00:00.000Z", "2027-03-01T12:00:00.001Z"]
    assert texts == sorted(texts)
    assert {len(one) for one in texts} == {24}
