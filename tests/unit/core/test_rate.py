"""A bucket for each who asks: so many at once, and as many again in that time."""

import pytest

from connector.core.errors import TooManyRequests
from connector.core.rate import Limiter


def test_a_bucket_fills_again_with_time_and_each_has_its_own() -> None:
    now = 100.0
    limiter = Limiter(lambda: now)

    for _ in range(6):
        limiter.take("here", 6, 60)
    with pytest.raises(TooManyRequests, match="^more than 6 requests per 60 seconds$") as refused:
        limiter.take("here", 6, 60)
    assert refused.value.retry_after == 10
    limiter.take("there", 6, 60)
    now = 110.0
    limiter.take("here", 6, 60)
    with pytest.raises(TooManyRequests):
        limiter.take("here", 6, 60)


def test_no_limit_counts_nothing() -> None:
    limiter = Limiter(lambda: 0.0)

    for _ in range(1000):
        limiter.take("here", 0)


def test_strangers_do_not_fill_the_memory_and_who_asks_on_is_not_forgotten() -> None:
    limiter = Limiter(lambda: 0.0)

    limiter.take("here", 1)
    for number in range(10_500):
        limiter.take(f"stranger {number}", 1)
        if number % 100 == 0:
            with pytest.raises(TooManyRequests, match="^more than 1 requests per second$"):
                limiter.take("here", 1)
    assert len(limiter._left) == 10_000
