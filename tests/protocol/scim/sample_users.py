"""A few users with nasty values, as a client sends them, for tests that ask questions about them."""

from tests.edge_client import ENTERPRISE

USERS = [
    {
        "userName": "Ada@X.example",
        "displayName": "Ada L.",
        "title": "Dr.",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [
            {"type": "work", "value": "ada@x.example", "primary": True},
            {"type": "home", "value": "Ada@home.example"},
        ],
        "roles": [{"value": "admin", "primary": True}, {"value": "reader"}],
        "profileUrl": "https://x.example/Ada",
        ENTERPRISE: {"department": "Engines", "employeeNumber": "7"},
    },
    {
        "userName": "bob_1",
        "displayName": "STRASSE 100%",
        "active": False,
        "emails": [{"type": "home", "value": "ada@x.example"}, {"type": "work", "value": "b_b@y.example"}],
        "x509Certificates": [{"value": "AAEC"}],
        "profileUrl": "https://x.example/ada",
        ENTERPRISE: {"department": "engines", "manager": {"value": "usr-1"}},
    },
    {"userName": "bobX1", "displayName": "straße 100x", "title": "ΣΊΣΥΦΟΣ", "nickName": 'q"\\q'},
    {"userName": "Ünal", "displayName": "Ŭber \u0130 \ufb01n", "title": "σίσυφος", "emails": [{"type": "work"}]},
    {
        "userName": "u\u0308nal2",
        "displayName": "日本語 \U0001f600",
        "title": "z",
        "addresses": [{"locality": "Köln", "type": "work"}],
    },
    {"userName": "zed", "name": {"familyName": "LOVELACE"}, "phoneNumbers": [{"value": "tel:+1", "type": "mobile"}]},
    {
        "userName": "Yan",
        "displayName": "yan",
        "nickName": 'q"\\q',
        "emails": [{"type": "work"}],
        "roles": [{"value": "Reader"}],
    },
    {"userName": "x", "title": "Z", "addresses": [{"locality": "Koln", "type": "home"}], "name": {"givenName": "ADA"}},
]
