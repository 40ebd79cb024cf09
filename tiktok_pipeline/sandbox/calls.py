"""One request to the sandbox, as its endpoints see it."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tiktok_pipeline.sandbox.envelope import ApiError


@dataclass(slots=True)
class Call:
    """A request that has been read completely. `account` and `cursor` are filled in as they become known."""

    method: str
    endpoint: str
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    account: int | None = None
    client_key: str | None = None
    cursor: object = None
    _form: dict[str, str] | None = field(default=None, repr=False)

    def header(self, name: bytes) -> bytes:
        """Return a header's value by its lower-case name, empty when absent."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    def content_type(self) -> str:
        """Return the media type of the body, without parameters."""
        return self.header(b"content-type").decode("latin-1").split(";")[0].strip().lower()

    def query(self) -> dict[str, str]:
        """Return the query parameters; of repeated ones, the last."""
        return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))

    def form(self) -> dict[str, str]:
        """Return the fields of a form-encoded body; of repeated ones, the last."""
        if self._form is None:
            self._form = dict(self.form_pairs())
        return self._form

    def form_pairs(self) -> list[tuple[str, str]]:
        """Return the fields of a form-encoded body, in order."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object of the body, empty when there is no body. Raises ApiError."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise ApiError("invalid_params", "The request body is not valid JSON.") from None
        if not isinstance(value, dict):
            raise ApiError("invalid_params", "The request body is not a JSON object.")
        return value
