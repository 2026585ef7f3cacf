"""What somebody who was not signed in is told: plain words for each code, and nothing of the message or of us."""

from connector.domain.vouched import Code

SENTENCES: dict[Code, str] = {
    Code.MALFORMED: "What your identity provider sent could not be read.",
    Code.UNKNOWN_IDP: "The sign-in came from an identity provider that is not set up here.",
    Code.IDP_DISABLED: "Signing in with this identity provider is switched off here.",
    Code.IDP_EXPIRED: "What we know of this identity provider is out of date.",
    Code.IDP_REFUSED: "Your identity provider did not sign you in.",
    Code.SIGNATURE: "The sign-in is not provably from your identity provider.",
    Code.DECRYPTION: "The sign-in is encrypted in a way that cannot be opened here.",
    Code.NOT_FOR_US: "The sign-in was meant for another service, or another address of this one.",
    Code.TIME: "The sign-in came too late, or a clock is wrong.",
    Code.UNSOLICITED: "The sign-in did not begin here. Please begin on this site.",
    Code.OTHER_BROWSER: "The sign-in did not begin in this browser. Please begin again.",
    Code.REPLAYED: "The sign-in was used already, or took too long. Please begin again.",
    Code.DISPUTED: "The sign-in was refused for safety. An administrator can see why.",
    Code.NOT_KNOWN: "Your identity provider says who you are, but you are not known here.",
    Code.AMBIGUOUS: "More than one person here fits what your identity provider says of you.",
    Code.DEACTIVATED: "You are switched off here.",
    Code.DELETED: "You were removed here.",
    Code.CONTEXT: "Your identity provider did not sign you in by the means that are asked for here.",
}
