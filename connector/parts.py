"""The parts of one deployment: database, keys, targets, and the worker that joins them. No web framework is needed here."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509

from connector.core.clock import Clock, utc_now
from connector.core.errors import Misconfigured
from connector.core.ids import NewId, new_id
from connector.core.keys import KeyRing
from connector.domain.unit import Domain
from connector.edges.scim import catalogue_file
from connector.edges.scim.catalogue_file import Catalogue
from connector.mapping.load import shipped_folder
from connector.provisioning.attempt import Attempts
from connector.provisioning.connections import Connections
from connector.provisioning.directory import DirectorySync
from connector.provisioning.push import Push
from connector.provisioning.reconcile import Reconciler
from connector.provisioning.schedule import Schedule
from connector.provisioning.worker import Worker
from connector.settings import Settings
from connector.storage.db import Database


@dataclass(frozen=True)
class Parts:
    """The parts of one deployment, in one process."""

    settings: Settings
    domain: Domain
    connections: Connections
    push: Push
    catalogue: Catalogue

    @property
    def mapping_folders(self) -> list[Path]:
        """Where mappings are looked for: the operator's folder first, then ours."""
        own = [self.settings.mappings_dir] if self.settings.mappings_dir else []
        return [*own, shipped_folder()]

    @property
    def attempts(self) -> Attempts:
        return Attempts(self.domain, self.connections, self.push, lease_seconds=self.settings.lease_seconds)

    @property
    def reconciler(self) -> Reconciler:
        threads = self.settings.push_threads
        return Reconciler(self.domain, self.connections, self.push, self.attempts, threads=threads)

    @cached_property
    def _client_cas(self) -> list[x509.Certificate]:
        if self.settings.client_ca_file is None:
            return []
        try:
            return x509.load_pem_x509_certificates(self.settings.client_ca_file.read_bytes())
        except (OSError, ValueError) as problem:
            raise Misconfigured(
                "client_ca_file cannot be read.", [f"{self.settings.client_ca_file}: {problem}"]
            ) from problem

    def client_anchors(self) -> list[x509.Certificate]:
        """The CAs whose client certificates count as trusted: the operator's, and our own."""
        own = [key.certificate for key in self.domain.keys.all("ca") if key.certificate is not None]
        return [*self._client_cas, *own]

    @property
    def directory(self) -> DirectorySync:
        return DirectorySync(self.domain)

    @property
    def schedule(self) -> Schedule:
        settings = self.settings
        return Schedule(
            self.domain,
            self.connections,
            self.reconciler,
            self.directory,
            reconcile_hours=settings.reconcile_hours,
            follow_seconds=settings.follow_seconds,
        )

    def worker(self) -> Worker:
        """A worker of this deployment, not yet started."""
        from connector.core.http import HttpClient  # these two bring lxml and requests, which most commands do without
        from connector.edges.saml import blueprint as saml
        from connector.edges.saml import expiry, source
        from connector.edges.saml.sp import registry

        settings = self.settings
        logout = saml.logout_sender(
            self.domain, base_url=settings.url, entity_id=settings.saml_entity_id, http=HttpClient(read_timeout=10)
        )
        return Worker(
            self.domain,
            self.connections,
            self.push,
            logout.tell,
            origin=settings.url.partition("//")[2],
            threads=settings.push_threads,
            lease_seconds=settings.lease_seconds,
            poll_seconds=settings.poll_seconds,
            checkpoint_file=settings.data_dir / "checkpoint.txt" if settings.data_dir.is_dir() else None,
            schedule=self.schedule,
            chores=[
                registry.refresher(self.domain, hours=settings.idp_refresh_hours, http=HttpClient(read_timeout=10)),
                source.Refresher(self.domain, lambda: HttpClient(read_timeout=10)).run,
                expiry.Alerts(self.domain).run,
            ],
        )


def assemble(settings: Settings, *, clock: Clock = utc_now, new_id: NewId = new_id) -> Parts:
    """Open database and keys, and read the catalogue. Misconfigured where something does not fit."""
    catalogue = catalogue_file.read(settings.catalogue_file)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        told = f"CONNECTOR_DATA_DIR: cannot make the folder {settings.data_dir}: {problem.strerror}"
        raise Misconfigured("The settings are wrong.", [told]) from problem
    database = Database(settings.database, clock=clock, new_id=new_id)
    domain = Domain(database, KeyRing(settings.keys, clock=clock), longest_days=settings.credential_days)
    own = [settings.mappings_dir] if settings.mappings_dir else []
    connections = Connections(domain, [*own, shipped_folder()])
    parts = Parts(settings, domain, connections, Push(domain, settings.url), catalogue)
    parts.client_anchors()  # a wrong file is to be told now, not to the first agent that comes
    return parts
