"""Pages: Jinja2 templates, escaped, with what every page needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from tiktok_pipeline.digest.render import add_words

HERE = Path(__file__).parent
STYLE = (HERE / "static" / "style.css").read_text(encoding="utf-8")


def page(
    request: Request,
    template: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page made of `templates/<template>` and `values`. Everything in it is escaped."""
    about_request = {
        "csrf": getattr(request.state, "csrf", None),  # set for a logged-in operator
        "request_id": getattr(request.state, "request_id", ""),
        "zone": request.app.state.context.settings.zone,
    }
    text = _templates.get_template(template).render({**about_request, **values})
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


@pass_context
def _day(context: Context, at: dt.datetime | None) -> str:
    """The date of an instant in the reporting time zone."""
    return at.astimezone(context["zone"]).strftime("%Y-%m-%d") if at else "–"


@pass_context
def _minute(context: Context, at: dt.datetime | None) -> str:
    """Date and time of an instant in the reporting time zone, to the minute."""
    return at.astimezone(context["zone"]).strftime("%Y-%m-%d %H:%M") if at else "–"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(day=_day, minute=_minute)
    add_words(made)
    return made


_templates = _environment()
