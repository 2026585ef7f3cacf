"""`/`, `/signin` and the style sheet. What a page shows comes from the domain; what it does goes to the edge that owns it."""

from dataclasses import dataclass

import flask

from connector import __version__
from connector.core.clock import to_text
from connector.domain import delegations, person_sessions, workforce
from connector.domain.unit import Domain
from connector.edges.console import pages
from connector.edges.console.session import Sessions

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
a:focus-visible, button:focus-visible { outline: 3px solid; outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8886; vertical-align: top; }
code { background: #8882; padding: 0 .3em; }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; flex-wrap: wrap; }
ul.idps { list-style: none; padding: 0; }
ul.idps a, button { display: inline-block; font: inherit; padding: .5rem 1rem; border: 1px solid; border-radius: .4rem;
  background: transparent; color: inherit; text-decoration: none; cursor: pointer; }
ul.idps li { margin: .5rem 0; }
fieldset { border: 1px solid #8886; border-radius: .4rem; margin: 1rem 0; }
fieldset label { display: block; padding: .2rem 0; }
button + button { margin-left: .5rem; }
"""


@dataclass(frozen=True)
class _Choice:
    name: str
    title: str


def blueprint(domain: Domain, *, base_url: str, sessions: Sessions) -> flask.Blueprint:
    """The pages that anybody, and those that only people who have signed in can see."""
    found = flask.Blueprint("console", __name__, template_folder="templates")
    found.add_app_template_filter(pages.day)
    found.add_app_template_filter(to_text, "moment")

    def choices() -> list[_Choice]:
        with domain.view() as unit:
            active = [one for one in workforce.listing(unit) if one.active]
            return [_Choice(one.name, workforce.settings(one).title or one.name) for one in active]

    @found.get("/")
    def front() -> flask.Response:
        person = sessions.current()
        if person is None:
            return pages.page("front.html", version=__version__, base=base_url, sign_in=bool(choices()))
        with domain.view() as unit:
            agents = person_sessions.agents_of(unit, person.person_id)
            delegated = delegations.of_subject(unit, person.person_id)
        return pages.page("person.html", person=person, agents=agents, delegated=delegated, roles=sorted(person.roles))

    @found.post("/delegations/<id>/revoke")
    def revoke(id: str) -> flask.Response:
        person = sessions.checked()
        with domain.change(person.caller) as unit:
            delegations.revoke_own(unit, id, person.person_id)
        return flask.Response(status=303, headers={"Location": "/"})

    @found.get("/signin")
    def signin() -> flask.Response:
        next = flask.request.args.get("next", "/")
        fresh, acr = "fresh" in flask.request.args, flask.request.args.get("acr", "")
        return pages.page("signin.html", choices=choices(), next=next, fresh=fresh, acr=acr, person=sessions.current())

    @found.get("/console.css")
    def style() -> flask.Response:
        headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
        return flask.Response(_STYLE, headers=headers, content_type="text/css; charset=utf-8")

    return found
