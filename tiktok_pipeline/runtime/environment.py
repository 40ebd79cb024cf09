"""Our settings as the environment of the processes that we start, so that they see the same values as we do."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.settings import SETTLED, Settings


def child_environment(settings: Settings, folder: DataFolder, database_url: str) -> dict[str, str]:
    """Our environment with every setting in it. What is not set here is not set there, whatever `.env` says."""
    environment = dict(os.environ)
    for name, value in settings:
        if isinstance(value, SecretStr):
            environment[name.upper()] = value.get_secret_value()
        elif isinstance(value, Path):
            environment[name.upper()] = str(value.expanduser().resolve())
        elif value is not None:
            environment[name.upper()] = str(value)
        else:
            environment.pop(name.upper(), None)
    return environment | {
        SETTLED: "1",
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS_FILE": str(settings.keys_file.resolve()),
        "PYTHONUNBUFFERED": "1",
    }
