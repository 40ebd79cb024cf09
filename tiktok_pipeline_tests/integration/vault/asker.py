"""A process of its own that asks the vault for a token: `python -m … DATABASE KEYS SANDBOX ACCOUNT HOW`.

It says `ready`, waits for a line, asks once, and says version and fingerprint of what it got. With HOW `die`
it is killed (SIGKILL) at the very moment at which it would use the token.
"""

import hashlib
import os
import signal
import sys
from pathlib import Path

from tiktok_pipeline.sandbox.settings import SandboxSettings
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse


def main(database_url: str, keys_file: str, sandbox_url: str, account_id: str, how: str) -> None:
    app = SandboxSettings()
    oauth = OAuthClient(sandbox_url, app.client_key, SecretToken(app.client_secret))
    vault = TokenVault.open(Warehouse(database_url), Path(keys_file), "test", create=False)
    say("ready")
    sys.stdin.readline()
    access = vault.access_token(int(account_id), oauth.refresh)
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    say(f"{access.version} {hashlib.sha256(access.token.reveal().encode()).hexdigest()}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
