"""The files of docker/: each is what its schema allows, keeps to the rules of the house, and agrees with the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.settings import Settings
from tiktok_pipeline_tests.deploy.services import compose

ROOT = project_file("docker").parent
FILES = ("compose.yaml", "compose.scale.yaml")
MANIFESTS = sorted(project_file("docker/kubernetes/manifests").glob("*.yaml"))
BIN = Path(sys.executable).parent


def test_the_compose_files_fit_the_schema_of_compose() -> None:
    files = [str(ROOT / "docker" / name) for name in FILES]
    _passes([str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files])


def test_a_wrong_compose_file_does_not_fit(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(
        (ROOT / "docker/compose.yaml").read_text("utf-8").replace("restart:", "restarts:"), "utf-8"
    )
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(wrong)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_compose_itself_takes_the_files_where_it_is_installed(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("docker compose is not installed")
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    (tmp_path / "docker/.env").touch()
    files = [word for name in FILES for word in ("-f", str(tmp_path / "docker" / name))]
    _passes([docker, "compose", *files, "config", "--quiet"])


def test_every_service_has_a_health_check_comes_back_and_may_do_little() -> None:
    for name, entry in compose(*FILES).items():
        assert entry["security_opt"] == ["no-new-privileges:true"], name
        assert entry["read_only"] is True, name
        assert entry["pids_limit"] <= 512, name
        if name != "migrate":  # does its work and ends
            assert entry["healthcheck"]["test"][0] == "CMD", name
            assert entry["restart"] == "unless-stopped", name
        if name != "postgres":  # changes to its own user, for which it needs more
            assert entry["cap_drop"] == ["ALL"], name


def test_nothing_is_published_beyond_this_host() -> None:
    published = [port for entry in compose(*FILES).values() for port in entry.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published), published


def test_images_have_tags_and_no_secret_stands_in_the_files() -> None:
    for name, entry in compose(*FILES).items():
        assert re.search(r":[\w.${}:-]+$", entry["image"]), name
        for key, value in entry.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|_URL$|KEY$", key)
            allowed = "/run/secrets" in str(value) or key in ("SECRETS_DIR", "REDIS_URL")
            assert allowed or not secret, f"{name}: {key}"


def test_each_service_gets_the_secrets_of_its_work_and_no_others() -> None:
    services = compose(*FILES)
    assert {
        name: set(entry["secrets"]) for name, entry in services.items() if name in ("webserver", "daemon")
    } == {
        "webserver": {"dagster_postgres_url", "celery_broker_url"},
        "daemon": {"dagster_postgres_url", "celery_broker_url"},
    }
    files = [yaml.safe_load((ROOT / "docker" / name).read_text("utf-8")) for name in FILES]
    declared = {secret for file in files for secret in file["secrets"]}
    assert {secret for entry in services.values() for secret in entry["secrets"]} == declared


def test_the_image_is_well_written_and_not_roots() -> None:
    _passes([str(BIN / "hadolint"), str(ROOT / "docker/Dockerfile")])
    lines = (ROOT / "docker/Dockerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert len([line for line in lines if line.startswith("FROM")]) == 2
    assert all("--locked --no-dev" in line for line in lines if "uv sync" in line)


def test_the_image_gets_no_more_than_it_is_made_of() -> None:
    lines = (ROOT / "docker/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    taken = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        word
        for line in (ROOT / "docker/Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert copied == taken
    assert all((ROOT / name).exists() for name in taken)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_what_kubernetes_knows(manifest: Path) -> None:
    documents = list(yaml.safe_load_all(manifest.read_text("utf-8")))
    assert documents
    if any(document["kind"] == "ExternalSecret" for document in documents):
        for document in documents:  # a kind of the operator, whose schema kubernetes-validate has not
            assert document["spec"]["target"]["name"] == document["metadata"]["name"]
            assert all(set(entry) == {"secretKey", "remoteRef"} for entry in document["spec"]["data"])
        return
    _passes([str(BIN / "kubernetes-validate"), "--strict", str(manifest)])


def test_pods_are_not_roots_write_nowhere_and_find_their_secrets() -> None:
    kinds = [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text("utf-8"))]
    there = {(document["kind"], document["metadata"]["name"]) for document in kinds}
    secrets = {name for kind, name in there if kind == "ExternalSecret"}
    values = yaml.safe_load((ROOT / "docker/kubernetes/helm-values.yaml").read_text("utf-8"))
    [code_server] = values["dagster-user-deployments"]["deployments"]
    pods = [
        document["spec"]["template"]["spec"] for document in kinds if "template" in document.get("spec", {})
    ]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            _safe(container["securityContext"])
            assert container["resources"]["limits"]["memory"]
    for part in (values["dagsterWebserver"], values["dagsterDaemon"], code_server):
        assert part["podSecurityContext"]["runAsNonRoot"] is True
        _safe(part["securityContext"])
    used = re.findall(
        r"(?:secretName|secretRef: \{name|envSecrets: \[\{name|postgresqlSecretName): ([\w-]+)",
        "\n".join(
            path.read_text("utf-8") for path in (*MANIFESTS, ROOT / "docker/kubernetes/helm-values.yaml")
        ),
    )
    assert set(used) == secrets


def test_settings_and_secrets_of_kubernetes_are_variables_that_we_read() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for document in (d for path in MANIFESTS for d in yaml.safe_load_all(path.read_text("utf-8"))):
        if document["kind"] == "ConfigMap":
            assert set(document["data"]) <= known
        if document["kind"] == "ExternalSecret" and document["metadata"]["name"] not in (
            "tiktok-key-ring",
            "dagster-postgresql",
        ):
            assert {entry["secretKey"] for entry in document["spec"]["data"]} <= known


def test_the_helm_values_say_what_dagster_yaml_says() -> None:
    instance = yaml.safe_load(project_file("dagster.yaml").read_text("utf-8"))
    values = yaml.safe_load((ROOT / "docker/kubernetes/helm-values.yaml").read_text("utf-8"))
    daemon = values["dagsterDaemon"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert _snake(queue) == instance["concurrency"]["runs"]
    monitoring = _snake(daemon["runMonitoring"])
    assert monitoring.pop("max_resume_run_attempts") == 0
    assert monitoring == instance["run_monitoring"]
    assert _snake(daemon["runRetries"]) == instance["run_retries"]
    assert _snake(daemon["sensors"]) == instance["sensors"]
    assert _snake(daemon["schedules"]) == instance["schedules"]
    retention = _snake(values["retention"])
    assert retention.pop("enabled") is True
    assert retention == instance["retention"]


def _safe(context: dict[str, Any]) -> None:
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _snake(value: Any) -> Any:
    """With the names of keys as dagster.yaml writes them."""
    if isinstance(value, dict):
        return {
            re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), key): _snake(inner) for key, inner in value.items()
        }
    return [_snake(inner) for inner in value] if isinstance(value, list) else value


def _passes(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "unit", sorted(project_file("docker/systemd").glob("*.service")), ids=lambda path: path.name
)
def test_a_unit_is_what_systemd_knows(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    here = tmp_path / unit.name
    here.write_text(
        unit.read_text("utf-8").replace("/opt/tiktok-pipeline/.venv/bin/tiktok-pipeline", "/bin/true")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_pinning_puts_the_digest_of_a_registry_beside_every_tag_of_theirs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    digest = "sha256:" + "0123456789abcdef" * 4
    registry = tmp_path / "bin/docker"  # there is none here: it answers as one would
    registry.parent.mkdir()
    registry.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo {digest}\n')
    registry.chmod(0o755)
    path = f"{registry.parent}:{os.environ['PATH']}"
    for _ in range(2):  # the second time over the digest of the first
        subprocess.run(["make", "pin"], cwd=tmp_path, env={"PATH": path}, check=True, capture_output=True)
    texts = [(tmp_path / "docker" / name).read_text("utf-8") for name in (*FILES, "Dockerfile")]
    pinned = {
        image for text in texts for image in re.findall(rf"([\w./-]+:[\w.-]+)@{digest}$", text, re.MULTILINE)
    }
    theirs = {entry["image"] for entry in compose(*FILES).values() if not entry["image"].startswith("tiktok")}
    assert pinned == {*theirs, "python:3.13-slim-bookworm"}
    _passes([str(BIN / "hadolint"), str(tmp_path / "docker/Dockerfile")])
