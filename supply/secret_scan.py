"""`python -m supply.secret_scan FILE …`: secrets in files, by the shapes that secrets have.

Shapes of keys and tokens of known services, of TikTok's tokens and of our key ring are looked for everywhere; random
text, which tests are full of, in what is neither a test nor a list of hashes. A line that only looks like one says
`pragma: allowlist secret`, with its reason.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

KNOWN = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
RANDOM = ({"name": "Base64HighEntropyString", "limit": 4.8}, {"name": "HexHighEntropyString", "limit": 3.0})
OURS = re.compile(
    r"\b(?:act|rft)\.[A-Za-z0-9!*_-]{40,}"  # TikTok's access and refresh tokens
    r'|"[0-9a-f]{8}"\s*:\s*"[A-Za-z0-9+/]{43}="'  # a key of the ring
)
NOT_RANDOM = ("tiktok_pipeline_tests/", "uv.lock", "docs/images/")


def secrets_in(file: Path, name: str) -> list[str]:
    """Line and kind of each secret in a file, which is called `name` in the repository; never the secret itself."""
    plugins: list[dict[str, Any]] = [{"name": kind} for kind in KNOWN]
    if not name.startswith(NOT_RANDOM):
        plugins += RANDOM
    allowed = [{"path": "detect_secrets.filters.allowlist.is_line_allowlisted"}]
    with transient_settings({"plugins_used": plugins, "filters_used": allowed}):
        found = [f"{name}:{secret.line_number}: {secret.type}" for secret in scan_file(str(file))]
    text = file.read_text(encoding="utf-8", errors="replace")
    return found + [
        f"{name}:{number}: TikTok token or key of the ring"
        for number, line in enumerate(text.splitlines(), start=1)
        if OURS.search(line) and "allowlist secret" not in line
    ]


if __name__ == "__main__":
    lines = [line for name in sys.argv[1:] if Path(name).is_file() for line in secrets_in(Path(name), name)]
    sys.stdout.write("\n".join([*lines, f"{len(lines)} secrets in {len(sys.argv) - 1} files"]) + "\n")
    sys.exit(1 if lines else 0)
