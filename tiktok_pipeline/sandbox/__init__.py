"""A TikTok to develop, test and demonstrate against: OAuth, Display API v2 and faults, over HTTP.

Everything the sandbox serves is a pure function of its settings and its clock, so it also knows what every
counter was at any past moment. Nothing in here knows the pipeline, and nothing talks to TikTok.
"""

from tiktok_pipeline.sandbox.settings import SandboxError, SandboxSettings


def serve(settings: SandboxSettings) -> None:
    """Run the sandbox in the foreground until it is interrupted.

    Writes one line, the base URL, to standard output when it accepts connections.
    Raises SandboxError when the port is taken or the CSV cannot be read.
    """
    from tiktok_pipeline.sandbox.listener import run  # uvicorn takes a while to import

    run(settings)


__all__ = ["SandboxError", "SandboxSettings", "serve"]
