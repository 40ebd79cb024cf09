import time
from collections.abc import Iterator

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline_tests.integration.sandbox.calling import App

PLAIN = {"limit": 0, "window_seconds": 60, "token_regime": "strict", "retry_after": None}


@pytest.fixture(scope="package")
def shared_sandbox() -> Iterator[SandboxProcess]:
    """Twelve accounts, the last of them empty, many videos in one second."""
    with SandboxProcess(
        accounts=12, videos=40, ties=0.3, extra_clients={"other-key": "other-secret"}
    ) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    shared_sandbox.clear_faults()
    shared_sandbox.configure(
        **PLAIN,
        access_token_seconds=None,
        refresh_token_seconds=None,
        oauth_errors_as_http_status=False,
    )
    half_past = 1800 - time.time() % 3600  # counters move on the hour; no test should run across it
    shared_sandbox.set_clock(offset_seconds=half_past)
    shared_sandbox.reset_requests()
    return shared_sandbox


@pytest.fixture
def app(sandbox: SandboxProcess) -> App:
    return App(sandbox)


@pytest.fixture(scope="package")
def big(shared_sandbox: SandboxProcess) -> int:
    """The account with most videos: several pages."""
    accounts = shared_sandbox.accounts()
    return int(max(accounts, key=lambda account: account["video_count"])["index"])


@pytest.fixture(scope="package")
def empty() -> int:
    """The account without videos."""
    return 11
