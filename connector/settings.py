"""Every setting, typed. From CONNECTOR_* variables, or a TOML file named by CONNECTOR_CONFIG; all problems are told at once."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from connector.core.errors import Misconfigured
from connector.core.lives import LONGEST_DAYS

PREFIX = "CONNECTOR_"
CONFIG = "CONNECTOR_CONFIG"


class Settings(BaseModel):
    """The settings of one deployment. docs/settings.md is checked against this class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Field(
        Path("var"), description="Folder for the SQLite database, the keys and the last audit checkpoint."
    )
    database_url: str = Field(  # may hold a password: shown in no repr and no error
        "", repr=False, description="SQLAlchemy URL; empty means SQLite in data_dir."
    )
    keys_dir: Path | None = Field(None, description="Folder of our private keys; data_dir/keys where it is not set.")
    mappings_dir: Path | None = Field(
        None, description="Folder with your own mappings; one of the same name replaces ours."
    )
    catalogue_file: Path | None = Field(
        None, description="TOML file with the roles and entitlements that may be assigned; none is served without it."
    )
    host: str = Field("127.0.0.1", description="Address to listen on, or a name for it.")
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    tls_certificate: Path | None = Field(
        None,
        description="PEM file of the server's certificate and those above it: `connector serve` then speaks HTTPS.",
    )
    tls_key: Path | None = Field(
        None, validate_default=True, description="PEM file of the private key to tls_certificate, unencrypted."
    )
    base_url: str = Field(
        "",
        description="Where others reach us, without a slash at the end; http://host:port, or https://, where not set.",
    )
    entity_id: str = Field("", description="SAML entityID; base_url/saml/metadata where it is not set.")
    workers: int = Field(1, ge=1, le=64, description="Web processes.")
    threads: int = Field(2, ge=1, le=64, description="Requests that one web process works on at the same time.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line that is logged."
    )
    push_threads: int = Field(4, ge=1, le=64, description="Pushes to one target at the same time.")
    lease_seconds: float = Field(60.0, ge=1, le=3600, description="After how long another worker takes over a push.")
    poll_seconds: float = Field(0.05, gt=0, le=60, description="How often the worker looks for work.")
    reconcile_hours: float = Field(
        24.0, ge=0, le=8760, description="How often each target is compared as a whole; 0: only by command."
    )
    follow_seconds: float = Field(
        300.0, ge=0, le=86400, description="How often changes at targets that tell them are followed; 0: never."
    )

    auth_failures: int = Field(
        20, ge=0, description="Failed authentications of a client from an address before it must wait; 0: no limit."
    )
    auth_failure_seconds: float = Field(
        300.0, gt=0, le=86400, description="How long they are counted, and it must wait."
    )

    sign_in_starts: int = Field(
        60,
        ge=0,
        description="Sign-ins of people that may be begun from an address, and requests that an agent may push, in a minute; 0: no limit.",
    )
    require_pushed_requests: bool = Field(
        False, description="Take only authorization requests that were pushed (RFC 9126)."
    )

    trusted_proxies: str = Field(
        "", description="Addresses or networks of proxies, separated by commas, whose `Client-Cert` header is believed."
    )
    client_ca_file: Path | None = Field(
        None, description="PEM file of CAs whose client certificates may stand for a registered name (RFC 8705)."
    )
    dpop_nonce: bool = Field(True, description="Take only DPoP proofs with a nonce of ours (RFC 9449 section 8).")
    delegation_depth: int = Field(3, ge=1, le=8, description="How many may act for one another in a chain.")
    id_jag: bool = Field(False, description="Issue and accept identity assertion authorization grants (ID-JAG).")

    credential_days: dict[str, int] = Field(
        dict(LONGEST_DAYS),
        description="Longest life in days of an agent's credentials, by kind: `client_secret=180,api_key=30`, or a TOML table.",
    )
    certificate_hours: float = Field(
        24.0, gt=0, le=24 * 90, description="How long a client certificate of our own CA lives (`connector ca`)."
    )

    session_hours: float = Field(8.0, gt=0, le=168, description="How long a person who has signed in stays so at most.")
    session_idle_minutes: float = Field(30.0, gt=0, le=1440, description="After how long without use a session ends.")
    idp_refresh_hours: float = Field(
        6.0, ge=0, le=168, description="How often metadata of workforce IdPs are read again; 0: only by command."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for one in filter(None, (part.strip() for part in value.split(","))):
            try:
                ip_network(one)
            except ValueError as problem:
                raise ValueError(f"must be addresses or networks such as 10.0.0.1,192.0.2.0/24: {problem}") from problem
        return value

    @field_validator("credential_days", mode="before")
    @classmethod
    def _days_by_kind(cls, value: object) -> object:
        """What is not named keeps its default."""
        if isinstance(value, str):
            parts = [one.strip().partition("=") for one in value.split(",") if one.strip()]
            value = {name.strip(): days.strip() for name, _, days in parts}
        if not isinstance(value, dict):
            raise ValueError("must be like client_secret=180,api_key=30")
        for kind, days in value.items():
            if kind not in LONGEST_DAYS or not re.fullmatch("[1-9][0-9]{0,3}", str(days)):
                known = ", ".join(LONGEST_DAYS)
                raise ValueError(f"must be kind=days (1 to 9999) with kinds of {known}; {kind}={days} is none")
        return {**LONGEST_DAYS, **value}

    @field_validator("tls_certificate", "tls_key")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not os.access(value, os.R_OK):
            raise ValueError("must be a file that can be read")
        return value

    @field_validator("mappings_dir")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("must be a folder that is there")
        return value

    @field_validator("tls_key")
    @classmethod
    def _with_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate" in info.data and (value is None) != (info.data["tls_certificate"] is None):
            raise ValueError("tls_certificate and tls_key must be given together")
        return value

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with https:// (or http:// for development)")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        value = re.sub("^postgres(ql)?://", "postgresql+psycopg://", value)
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        return value

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{(self.data_dir / 'connector.db').absolute()}"

    @property
    def url(self) -> str:
        scheme = "https" if self.tls_certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"{scheme}://{host}:{self.port}"

    @property
    def saml_entity_id(self) -> str:
        return self.entity_id or f"{self.url}/saml/metadata"

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(one.strip()) for one in self.trusted_proxies.split(",") if one.strip())

    @property
    def keys(self) -> Path:
        return self.keys_dir or self.data_dir / "keys"


def load(environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Settings from the file, then the environment, then `given`; the later wins. Misconfigured lists every problem by name."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    if environ.get(CONFIG):
        for name, value in _file(Path(environ[CONFIG]), problems).items():
            values[name], sources[name] = value, f"{environ[CONFIG]}: {name}"
    for variable, value in environ.items():
        if variable.startswith(PREFIX) and variable != CONFIG:
            name = variable.removeprefix(PREFIX).lower()
            values[name], sources[name] = value, variable
    for name, value in given.items():
        if value is not None:
            values[name], sources[name] = value, f"--{name.replace('_', '-')}"
    try:
        settings = Settings(**values)
    except ValidationError as invalid:
        problems += [_sentence(error, sources) for error in invalid.errors()]
    if problems:
        raise Misconfigured("The settings are wrong.", problems)
    return settings


def _file(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as problem:
        problems.append(f"{CONFIG}: cannot read {path}: {problem.strerror}")
    except ValueError as problem:  # no TOML, or no text
        problems.append(f"{path}: {problem}")
    return {}


def _sentence(error: Any, sources: Mapping[str, str]) -> str:
    name = str(error["loc"][0])
    where = sources.get(name, name)
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"{where}: there is no such setting{hint}"
    told = f"{where}: {error['msg'].removeprefix('Value error, ')}"
    return told if name == "database_url" else f"{told}, not {error['input']!r}"
