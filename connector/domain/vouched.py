"""What a workforce IdP said of somebody, verified, and why nobody is signed in by it. Knows no SAML."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector.domain.workforce import WorkforceIdp


class Code(StrEnum):
    """Why there is no sign-in, as the page and the event say it; docs/people.md tells what to do about each."""

    MALFORMED = "malformed"
    UNKNOWN_IDP = "unknown-idp"
    IDP_DISABLED = "idp-disabled"
    IDP_EXPIRED = "idp-metadata-expired"
    IDP_REFUSED = "idp-refused"
    SIGNATURE = "signature"
    DECRYPTION = "decryption"
    NOT_FOR_US = "not-for-us"
    TIME = "time"
    UNSOLICITED = "unsolicited"
    OTHER_BROWSER = "other-browser"
    REPLAYED = "replayed"
    DISPUTED = "disputed"
    NOT_KNOWN = "not-known"
    AMBIGUOUS = "ambiguous"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"
    CONTEXT = "context"


@dataclass(frozen=True)
class Refused:
    """`reason` is for the event and the log; a page shows what its code means, nothing more."""

    code: Code
    reason: str


@dataclass(frozen=True)
class Vouched:
    """What the IdP said of somebody, verified. `name_id` is XML, `subject` its text; `request` is what it answers, if anything."""

    idp: WorkforceIdp
    assertion_id: str
    good_until: datetime
    name_id: str
    subject: str
    session_index: str | None
    session_until: datetime | None
    authenticated: datetime
    context: str | None
    attributes: Mapping[str, tuple[str, ...]]
    request: str | None
