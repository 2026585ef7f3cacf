"""The page that brings a message to somebody else by the HTTP-POST binding (bindings section 3.5.4), and its headers."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

_SCRIPT = "document.forms[0].submit()"
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
# Not in it: form-action, as the form leads to another site, and default-src says nothing of forms.
_POLICY = f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; base-uri 'none'"
FRAMED = {
    "Content-Security-Policy": _POLICY,  # of logout: who tells many sites has each in a frame, and nothing here can be clicked
    "Cache-Control": "no-cache, no-store",  # bindings section 3.5.5.1
    "Pragma": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HEADERS = {**FRAMED, "Content-Security-Policy": f"{_POLICY}; frame-ancestors 'none'"}


def page(address: str, fields: Mapping[str, str], *, title: str) -> str:
    """A form with these fields that sends itself to that address."""
    inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head><body>'
        f'<form method="post" action="{escape(address)}">{inputs}'
        f'<noscript><button type="submit">Continue</button></noscript></form><script>{_SCRIPT}</script></body></html>'
    )
