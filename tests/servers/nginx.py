"""nginx on 127.0.0.1 as the proxy that ends TLS, asks for client certificates, and hands them on in `Client-Cert`."""

import tempfile
from pathlib import Path

from tests.servers.pki import Pki
from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port
from tests.servers.system_packages import program

# optional_no_ca: any client certificate is let through, also a self-signed one (RFC 8705 section 2.2); we check it ourselves.
# proxy_set_header replaces what a client sends under that name; without a certificate the variable is empty and nothing is sent.
_CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_verify_client optional_no_ca;
        location / {{
            proxy_pass http://{host}:{upstream};
            proxy_set_header Client-Cert $ssl_client_escaped_cert;
            proxy_set_header Client-Cert-Chain "";
        }}
    }}
}}
"""


class Nginx:
    """`url` is where clients come in; what they send goes to the port `upstream`."""

    def __init__(self, upstream: int, pki: Pki) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="test-nginx-")
        directory = Path(self._folder.name)
        self.port = free_port()
        self.url = f"https://{HOST}:{self.port}"
        file = directory / "nginx.conf"
        own = {"certificate": pki.server_certificate_file, "key": pki.server_key_file, "directory": directory}
        file.write_text(_CONFIGURATION.format(host=HOST, port=self.port, upstream=upstream, **own))
        self._process = ServerProcess(
            "nginx",
            [program("nginx"), "-p", directory, "-c", file],
            log=directory / "nginx.log",
            ready=lambda: accepts_connections(self.port),
        )

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()
        self._folder.cleanup()
