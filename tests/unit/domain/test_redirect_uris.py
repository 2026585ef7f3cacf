"""Which addresses codes may be sent to."""

import pytest

from connector.domain import redirect_uris


@pytest.mark.parametrize(
    "uri",
    [
        "http://bot.example/cb",
        "https://bot.example/cb#x",
        "https://u:p@bot.example/cb",
        "https://*.bot.example/cb",
        "https://bot.example/../cb",
        "https://bot.example/%2E%2e/cb",
        "https://bot.example/c b",
        "https://bot.example;form-action/*",
        "https:bot.example",
        "https://",
        "myapp:/cb",
        "javascript:alert(1)",
        "com.example.app://host/cb",
        "https://bot.example:99999/cb",
        "https://bot.example/" + "x" * 500,
        "bot",
        "",
    ],
)
def test_what_could_mislead_is_not_registered(uri: str) -> None:
    assert not redirect_uris.may_be_one(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://bot.example",
        "https://bot.example:8443/a/b?c=d",
        "http://[::1]/cb",
        "http://localhost:1/cb",
        "com.example.app:/cb",
    ],
)
def test_what_is_meant_for_agents_is_registered(uri: str) -> None:
    assert redirect_uris.may_be_one(uri)
