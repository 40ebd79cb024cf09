"""`tiktok-pipeline secrets`: the files that containers read as secrets."""

from __future__ import annotations

import os
import secrets as random
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.vault.ringfile import make_key_ring

BY_HAND = {
    "tiktok_client_secret": "the secret of the TikTok app, from developers.tiktok.com",
    "operator_password_hash": "what tiktok-pipeline portal hash-password prints, between the quotes",
}
MODE = 0o440  # the owner, and the group that the containers run as


def secrets(
    folder: Annotated[Path, typer.Argument(help="Where the files are, e.g. docker/secrets.")],
) -> None:
    """Make the secrets that docker/compose.yaml names, as far as they are missing; nothing is overwritten.

    The passwords of PostgreSQL, RabbitMQ and Grafana, the addresses with them, the key ring, and what signs links.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        made = [name for name, text in _texts(folder) if _write_new(folder / name, text)]
        if not (ring := folder / "encryption_keys.json").exists():
            make_key_ring(ring)
            ring.chmod(MODE)
            made.append(ring.name)
    except OSError as error:
        raise PipelineError(f"{folder}: {error.strerror}. Name a folder that can be written.") from None
    typer.echo(f"{folder}: made {', '.join(made) or 'nothing, all are there'}")
    for name, what in BY_HAND.items():
        if not (folder / name).exists():
            typer.echo(f"Put there by hand, mode 0440: {name}, {what}")
    typer.echo(
        "Keep a copy of encryption_keys.json apart from the database: without it no token can be opened."
    )


def _texts(folder: Path) -> list[tuple[str, str]]:
    postgres = _known(folder / "postgres_password")
    rabbitmq = random.token_urlsafe(32)
    return [
        ("postgres_password", postgres),
        ("database_url", f"postgresql://tiktok:{postgres}@postgres:5432/tiktok"),
        ("dagster_postgres_url", f"postgresql://tiktok:{postgres}@postgres:5432/tiktok_dagster"),
        ("portal_secret", random.token_urlsafe(48)),
        ("metrics_token", random.token_urlsafe(32)),
        ("grafana_password", random.token_urlsafe(24)),
        ("grafana_db_password", random.token_urlsafe(32)),
        *(
            (
                ("rabbitmq.conf", f"default_user = tiktok\ndefault_pass = {rabbitmq}\n"),
                ("celery_broker_url", f"amqp://tiktok:{rabbitmq}@rabbitmq:5672//"),
            )
            if not (folder / "rabbitmq.conf").exists()
            else ()
        ),
    ]


def _known(path: Path) -> str:
    return path.read_text(encoding="ascii").strip() if path.exists() else random.token_urlsafe(32)


def _write_new(path: Path, text: str) -> bool:
    """Whether the file was missing, and is there now."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    path.chmod(MODE)  # whatever the umask says
    return True
