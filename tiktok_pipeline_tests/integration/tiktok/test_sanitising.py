from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.tiktok.safe_json import parse, sanitise
from tiktok_pipeline.warehouse.connection import Warehouse

any_text = st.text(st.characters(codec=None))
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(-1e300, 1e300, allow_nan=False)
    | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=8,
)


def exactly(text: str) -> object:
    """The value, numbers as they are written: jsonb writes 1e16 as 10000000000000000."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_json, st.booleans())
def test_any_json_comes_back_from_jsonb_as_it_was_sanitised(
    warehouse: Warehouse, value: object, ascii_only: bool
) -> None:
    sent = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    text = sanitise(sent)
    with warehouse.transaction() as cursor:
        cursor.execute("select (%s::jsonb)::text as kept", (text,))
        row = cursor.fetchone()
    assert row is not None
    parse(text)
    assert exactly(row["kept"]) == exactly(text)
