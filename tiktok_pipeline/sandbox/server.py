"""The sandbox as a child process, for tests, demonstrations and benchmarks."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, datetime
from types import TracebackType
from typing import IO, Any, Self

import requests

from tiktok_pipeline.sandbox.settings import SandboxError, SandboxSettings

_START_SECONDS = 30.0


class SandboxProcess:
    """A running sandbox on a free port of this machine, with its control API as methods.

    Takes the fields of SandboxSettings as keywords; `port` defaults to 0. Start it with `with`, or with
    `start()` and `stop()`. It dies with its parent, however that ends. An account is named by its index or
    its open_id. Raises SandboxError when the sandbox does not start or refuses a request.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = SandboxSettings.model_validate({"port": 0, **settings})
        self.client_key = self.settings.client_key
        self.client_secret = self.settings.client_secret
        self.base_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the running sandbox."""
        if self._process is None:
            raise SandboxError("the sandbox is not running")
        return self._process.pid

    def start(self) -> Self:
        """Start the process and wait until it accepts connections."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in stop()
        self._process = subprocess.Popen(
            _command(self.settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self._process.stdout is not None
        first_line: list[bytes] = []
        reader = threading.Thread(target=lambda: first_line.append(self._output().readline()), daemon=True)
        reader.start()
        reader.join(_START_SECONDS)
        if not first_line or not first_line[0].startswith(b"http"):
            said = self._said() or f"no answer within {_START_SECONDS:.0f} s"
            self.stop()
            raise SandboxError(f"the sandbox did not start: {said}")
        self.base_url = first_line[0].decode().strip()
        return self

    def stop(self) -> None:
        """End the process; does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        self._session.close()
        if process.stdin is not None:
            process.stdin.close()  # the child ends with its standard input
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if self._errors is not None:
            self._errors.close()

    def accounts(self, client_key: str | None = None) -> list[dict[str, Any]]:
        """Return index, open_id, union_id, display_name, username and video_count of every account."""
        accounts: list[dict[str, Any]] = self._ask("GET", "accounts", params={"client_key": client_key})
        return accounts

    def authorize(
        self,
        account: int | str,
        scopes: list[str] | None = None,
        *,
        client_key: str | None = None,
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
    ) -> str:
        """Return the raw code of a person who has just granted (default: all scopes).

        It is decoded, ready for the token endpoint. Without `redirect_uri` the exchange takes any.
        """
        wanted = {
            "account": account,
            "scopes": scopes,
            "client_key": client_key,
            "redirect_uri": redirect_uri,
            "code_challenge": code_challenge,
        }
        return str(self._ask("POST", "authorize", wanted)["code"])

    def connect(self, account: int | str, scopes: list[str] | None = None) -> dict[str, Any]:
        """Return the token endpoint's answer for an account that has just granted: access_token and so on."""
        form = {
            "client_key": self.client_key,
            "client_secret": self.client_secret,
            "grant_type": "authorization_code",
            "redirect_uri": "http://localhost/callback",
            "code": self.authorize(account, scopes),
        }
        answer: dict[str, Any] = self._session.post(
            f"{self.base_url}/v2/oauth/token/", data=form, timeout=30
        ).json()
        if "access_token" not in answer:
            raise SandboxError(f"account {account}: no token ({answer})")
        return answer

    def history(
        self,
        account: int | str,
        day: date | str | None = None,
        tz: str = "UTC",
        *,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """Return {"user": …, "videos": […]} as of 02:00 of a day in a zone, or `at` an aware time.

        Videos come newest first, with all fields. Faults do not touch it.
        """
        params = {
            "account": account,
            "day": None if day is None else str(day),
            "tz": tz,
            "at": None if at is None else at.isoformat(),
        }
        history: dict[str, Any] = self._ask("GET", "history", params=params)
        return history

    def requests(self, log: bool = False) -> dict[str, Any]:
        """Return counts, statuses and the fullest window per endpoint; with `log` every request in order."""
        report: dict[str, Any] = self._ask("GET", "requests", params={"log": "1"} if log else None)
        return report

    def reset_requests(self) -> None:
        """Forget the requests so far; the rate limit does not forget them."""
        self._ask("DELETE", "requests")

    def set_faults(self, **faults: Any) -> None:
        """Replace all faults by these: kind=True, kind={…}, or kind=[{…}, {…}]; see `faults.Faults`."""
        self._ask("PUT", "faults", faults)

    def add_faults(self, **faults: Any) -> None:
        """Replace the kinds of fault named and leave the others."""
        self._ask("PATCH", "faults", faults)

    def clear_faults(self) -> None:
        """End all faults."""
        self._ask("DELETE", "faults")

    def fault_hits(self) -> dict[str, int]:
        """Return how often each kind of fault has hit since the faults were last changed."""
        hits: dict[str, int] = self._ask("GET", "faults/hits")
        return hits

    def configure(self, **settings: Any) -> None:
        """Change settings of the running sandbox: limits, token regime and lifetimes, OAuth statuses.

        The windows of the rate limit begin anew.
        """
        self._ask("PATCH", "settings", settings)

    def set_clock(self, *, now: datetime | str | None = None, offset_seconds: float | None = None) -> None:
        """Set what the sandbox's clock shows now, or its offset from real time; without either, real time."""
        moment = now.isoformat() if isinstance(now, datetime) else now
        self._ask("PUT", "clock", {"now": moment, "offset_seconds": offset_seconds})

    def now(self) -> datetime:
        """Return the sandbox's time."""
        return datetime.fromisoformat(self._ask("GET", "clock")["now"])

    def expire(self, account: int | str) -> None:
        """Let an account's access tokens expire now; its refresh token stays good."""
        self._ask("POST", "expire", {"account": account})

    def revoke(self, account: int | str) -> None:
        """Let an account disconnect the app: its access and refresh tokens are dead."""
        self._ask("POST", "revoke", {"account": account})

    def secrets(self) -> list[str]:
        """Return every code and token given out so far and every PKCE verifier received."""
        secrets: list[str] = self._ask("GET", "secrets")
        return secrets

    def webhook(
        self,
        url: str,
        account: int | str,
        *,
        reason: int = 1,
        signature: str = "valid",
        times: int = 1,
        seconds_ago: int = 0,
    ) -> dict[str, Any]:
        """Send `authorization.removed` to an address; return the body, the signature and the answers.

        `signature` is valid, wrong, old or future; `seconds_ago` is how long ago the event happened.
        """
        wanted = {
            "url": url,
            "account": account,
            "reason": reason,
            "signature": signature,
            "times": times,
            "seconds_ago": seconds_ago,
        }
        sent: dict[str, Any] = self._ask("POST", "webhook", wanted)
        return sent

    def _ask(self, method: str, path: str, body: Any = None, params: Any = None) -> Any:
        answer = self._session.request(
            method, f"{self.base_url}/sandbox/{path}", json=body, params=params, timeout=120
        )
        if answer.status_code != 200:
            raise SandboxError(f"{method} /sandbox/{path}: {answer.text}")
        return answer.json()

    def _output(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def _said(self) -> str:
        """Return what the process wrote to standard error."""
        if self._errors is None:
            return ""
        time.sleep(0.05)
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()


def _command(settings: SandboxSettings) -> list[str]:
    """Return the command line that starts a sandbox with these settings."""
    main_thread = threading.current_thread() is threading.main_thread()
    command = [
        sys.executable,
        "-m",
        "tiktok_pipeline.sandbox",
        "--die-with",
        str(os.getpid() if main_thread else 0),
    ]
    for name, value in settings.model_dump(mode="json", exclude_unset=True).items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            command += [flag] * value
        elif isinstance(value, dict):
            command += [f"{flag}={key}={secret}" for key, secret in value.items()]
        elif isinstance(value, list):
            command += [f"{flag}={item}" for item in value]
        elif value is not None:
            command.append(f"{flag}={value}")
    return command
