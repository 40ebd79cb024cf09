"""docker/proxy/nginx.conf in a real nginx: nobody reaches the Dagster UI without a password, and it never sees one."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline_tests.deploy.services import until

PASSWORD = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="  # of "password", as htpasswd -s writes it


class _Upstream(BaseHTTPRequestHandler):
    """Answers everything with what it was asked."""

    def do_GET(self) -> None:
        said = f"{self.path} {self.headers.get('Host')} {self.headers.get('Authorization')}".encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """Address of an nginx with our configuration, before an upstream that stands for webserver and portal."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("no nginx or no openssl on this machine")
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port = free_port()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=dagster.example.com",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "dagster.htpasswd").write_text(f"ayu:{PASSWORD}\n")
    ours = project_file("docker/proxy/nginx.conf").read_text("utf-8")
    for written, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/nginx/tls/dagster.pem", str(certificate)),
        ("/etc/nginx/tls/stores.pem", str(certificate)),
        ("/etc/nginx/tls/dagster.key", str(key)),
        ("/etc/nginx/tls/stores.key", str(key)),
        ("/etc/nginx/dagster.htpasswd", str(tmp_path / "dagster.htpasswd")),
        ("127.0.0.1:3000", f"127.0.0.1:{upstream.server_port}"),
        ("127.0.0.1:8000", f"127.0.0.1:{upstream.server_port}"),
    ):
        assert written in ours
        ours = ours.replace(written, here)
    whole = f"daemon off; user root; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
    whole += f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;\n{ours} }}"
    (tmp_path / "nginx.conf").write_text(whole)
    nginx = subprocess.Popen(
        ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], stderr=subprocess.PIPE
    )
    address = f"https://127.0.0.1:{port}"
    try:
        until(lambda: _answers(address), 30, "nginx answers")
        yield address
    finally:
        nginx.terminate()
        nginx.wait(20)
        upstream.shutdown()


def test_the_dagster_ui_asks_for_a_password_which_stays_with_the_proxy(proxy: str) -> None:
    assert _get(proxy, "dagster.example.com").status_code == 401
    assert _get(proxy, "dagster.example.com", auth=("ayu", "another")).status_code == 401
    reached = _get(proxy, "dagster.example.com", auth=("ayu", "password"))
    assert (reached.status_code, reached.text) == (200, "/graphql dagster.example.com None")


def test_the_portal_is_reached_under_its_own_name_but_not_its_metrics(proxy: str) -> None:
    assert _get(proxy, "stores.example.com").text == "/graphql stores.example.com None"
    assert _get(proxy, "stores.example.com", path="/metrics").status_code == 404


def _get(
    address: str, host: str, *, path: str = "/graphql", auth: tuple[str, str] | None = None
) -> requests.Response:
    return requests.get(address + path, headers={"Host": host}, auth=auth, verify=False, timeout=10)


def _answers(address: str) -> bool:
    try:
        return _get(address, "stores.example.com").ok
    except requests.RequestException:
        return False
