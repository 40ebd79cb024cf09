"""The one base class of errors that a person can act on.

Everything here is printed as one line, without a traceback: what happened, to what, what to do.
Errors of TikTok's answers are in `tiktok_pipeline.tiktok.errors`.
"""

from __future__ import annotations


class PipelineError(Exception):
    """A mistake or a state that a person can mend; its text is the whole message."""
