"""`python -m tiktok_pipeline.sandbox`: every field of SandboxSettings is an option."""

import argparse
import ctypes
import os
import signal
import sys
import threading
from typing import Any

from pydantic import ValidationError

from tiktok_pipeline.sandbox import SandboxError, SandboxSettings, serve

_PR_SET_PDEATHSIG = 1
_REPEATED = {"app_scopes", "extra_clients"}


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox; return the exit status."""
    options = vars(_parser().parse_args(arguments))
    if (parent := options.pop("die_with", None)) is not None:
        _die_with(parent)
    try:
        serve(SandboxSettings.model_validate(_values(options)))
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + "-".join(str(first["loc"][0]).split("_"))
        sys.stderr.write(f"sandbox: {name}: {first['msg']}\n")
        return 2
    except SandboxError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tiktok_pipeline.sandbox",
        description="A TikTok to develop and test against.",
        allow_abbrev=False,
    )
    for name, field in SandboxSettings.model_fields.items():
        flag = "--" + name.replace("_", "-")
        text = (field.description or "").replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(flag, action="store_true", help=text)
        elif name in _REPEATED:
            parser.add_argument(flag, action="append", metavar="VALUE", help=text)
        else:
            default = "" if field.default is None else f" (default {field.default})"
            parser.add_argument(flag, metavar="VALUE", help=text + default)
    parser.add_argument("--die-with", type=int, metavar="PID", help=argparse.SUPPRESS)
    return parser


def _values(options: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in options.items() if value is not None}
    if "extra_clients" in values:
        values["extra_clients"] = dict(text.partition("=")[::2] for text in values["extra_clients"])
    return values


def _die_with(parent: int) -> None:
    """End this process when the parent ends: by the kernel on Linux, by the end of standard input everywhere.

    A parent of 0 leaves the kernel out of it: its signal comes when the starting *thread* ends, which is
    right only for the main thread.
    """
    if parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel knew
            os._exit(1)

    def wait_for_the_end() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=wait_for_the_end, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
