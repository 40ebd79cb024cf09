"""One HTTP post to an address that people gave us, as webhooks of messages and of events want it."""

from __future__ import annotations

from typing import Any

import requests

from tiktok_pipeline.errors import PipelineError

TIMEOUT_SECONDS = (5, 10)  # to connect, and between two bytes of the answer


class NotTaken(PipelineError):
    """Who was to get something did not take it. The text holds nothing of the address."""


def post(session: requests.Session, url: str, **content: Any) -> None:
    """Post it. Redirects are not followed, any 2xx is a yes; NotTaken for everything else."""
    try:
        with session.post(
            url,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,  # of the answer only its status counts
            **content,
        ) as answer:
            status = answer.status_code
    except (requests.RequestException, OSError, ValueError) as error:  # whose texts quote the address
        raise NotTaken(f"not reached ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise NotTaken(f"answered HTTP {status}")
