"""Many accounts with sealed tokens, and processes that work on them: `python -m … DATABASE KEYS read|renew|rotate`.

`read` opens random pairs and `renew` saves new ones until their input ends, and say how often that went well, or what
went wrong first. `rotate` promotes the staged key when there is one, finishes the rotation and says what it cleared.
"""

import random
import secrets
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault, sealer
from tiktok_pipeline.vault.lifecycle import promote
from tiktok_pipeline.vault.rotation import Rotation
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.sealing import Field, Place
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import ALL_SCOPES, add_store

ENVIRONMENT = "test"
FIELDS: tuple[Field, Field] = ("access_token", "refresh_token")


def seal_many(warehouse: Warehouse, sealer: Sealer, count: int) -> None:
    """`count` accounts, numbered from 1, each with a pair that `whole` recognises."""
    store = add_store(warehouse)
    numbers = list(range(1, count + 1))
    access: list[bytes] = []
    refresh: list[bytes] = []
    for number in numbers:
        mark = secrets.token_hex(4)
        for kind, field, column in (("act", FIELDS[0], access), ("rft", FIELDS[1], refresh)):
            place = Place(ENVIRONMENT, number, field, 1)
            column.append(sealer.seal(SecretToken(f"{kind}.{number}.{mark}"), place))
    with warehouse.transaction() as cursor:
        cursor.execute(
            "insert into hub.store_accounts (id, store_code, client_key, open_id, scope, status, "
            "token_expires_at, refresh_token_expires_at) overriding system value "
            "select n, %s, 'key', 'open-' || n, %s, 'CONNECTED', ops.now(), ops.now() from unnest(%s::bigint[]) as n",
            (store, ALL_SCOPES, numbers),
        )
        cursor.execute(
            "insert into vault.token (account_id, access_token, refresh_token, token_version, access_expires_at, "
            "refresh_expires_at) select *, 1, ops.now() + interval '1 day', ops.now() + interval '1 year' "
            "from unnest(%s::bigint[], %s::bytea[], %s::bytea[])",
            (numbers, access, refresh),
        )


def whole(warehouse: Warehouse, sealer: Sealer, account_id: int) -> bool:
    """Whether the account's stored pair opens and is a pair of this account."""
    [row] = warehouse.execute("vault/read_token", {"account_id": account_id})
    opened = [
        sealer.unseal(row[field], Place(ENVIRONMENT, account_id, field, row["token_version"]))
        .reveal()
        .split(".")
        for field in FIELDS
    ]
    return opened[0][1:] == opened[1][1:] and [part[0] for part in opened] == ["act", "rft"]


def save_new_pair(vault: TokenVault, account_id: int) -> None:
    mark = f"{account_id}.{secrets.token_hex(4)}"
    pair = (SecretToken(f"act.{mark}"), SecretToken(f"rft.{mark}"))
    grant = TokenGrant(f"open-{account_id}", (), *pair, 86_400, 15_552_000)
    with vault.warehouse.transaction() as cursor:
        vault.save_grant(cursor, account_id, grant)


class Workers:
    """Processes of this module; `end` lets them finish and gives what each said last."""

    def __init__(self, database_url: str, keys_file: Path, *hows: str) -> None:
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", __name__, database_url, str(keys_file), how],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for how in hows
        ]
        for process in self.processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"

    def end(self) -> list[str]:
        return [process.communicate(timeout=300)[0].strip() for process in self.processes]

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def main(database_url: str, keys_file: str, how: str) -> None:
    warehouse, path = Warehouse(database_url), Path(keys_file)
    sealer.LOOK_SECONDS = 0.1  # a test does not wait half a minute until everybody has noticed
    say("ready")
    if how == "rotate":
        promote(warehouse, path, ENVIRONMENT)
        rotation = Rotation(warehouse, path, ENVIRONMENT, rest=lambda: time.sleep(0.3))
        say(f"cleared {len(rotation.finish().cleared)}")
        return
    vault = TokenVault.open(warehouse, path, ENVIRONMENT, create=False)
    [pairs] = warehouse.execute("vault/left_to_reseal")
    times: int = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        account_id = random.randint(1, pairs["pairs"])
        try:
            if how == "renew":
                save_new_pair(vault, account_id)
            elif not whole(warehouse, vault.sealer, account_id):
                raise AssertionError(f"account {account_id}: half a pair")
        except Exception as error:
            say(f"failed: {type(error).__name__}: {error}")
            return
        times += 1
    say(f"fine {times}")


def say(line: Any) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
