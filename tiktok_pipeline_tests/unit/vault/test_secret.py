"""A token in memory refuses to be seen."""

import copy
import dataclasses
import io
import json
import logging
import multiprocessing
import pickle
import pprint
import traceback
from collections.abc import Callable
from typing import Any

import pydantic_core
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from tiktok_pipeline.vault import SecretToken

TEXT = "act.canary-4711"


@pytest.fixture
def secret() -> SecretToken:
    return SecretToken(TEXT)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        "{}".format,
        "{!r:>40}".format,
        lambda secret: f"{secret:x}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - the old way is used in logging
        lambda secret: str([secret, {"token": secret}]),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_a_token_cannot_be_printed_or_formatted(
    show: Callable[[SecretToken], str], secret: SecretToken
) -> None:
    shown = show(secret)
    assert "***" in shown
    assert TEXT not in shown


@pytest.mark.parametrize(
    "keep",
    [
        *(lambda secret, protocol=protocol: pickle.dumps(secret, protocol) for protocol in range(6)),
        copy.copy,
        copy.deepcopy,
        json.dumps,
        vars,
        lambda secret: secret.__getstate__(),
        lambda secret: secret.__reduce_ex__(4),
        bytes,
        iter,
        len,
    ],
)
def test_a_token_cannot_be_pickled_copied_or_serialised(
    keep: Callable[[SecretToken], object], secret: SecretToken
) -> None:
    with pytest.raises(TypeError) as refusal:
        keep(secret)
    assert TEXT not in str(refusal.value)


def test_equality_is_identity_so_that_a_token_cannot_be_guessed_by_comparing(secret: SecretToken) -> None:
    assert secret == secret
    assert secret != SecretToken(TEXT)
    guess: object = TEXT
    assert secret != guess


def test_a_token_does_not_appear_in_the_locals_of_a_traceback(secret: SecretToken) -> None:
    def call(token: SecretToken) -> None:
        header = {"Authorization": token}
        raise RuntimeError(f"refused {header}")

    with pytest.raises(RuntimeError) as refusal:
        call(secret)
    plain = "".join(traceback.TracebackException.from_exception(refusal.value, capture_locals=True).format())
    console = Console(file=io.StringIO(), record=True, width=200)
    console.print(
        Traceback.from_exception(
            type(refusal.value), refusal.value, refusal.value.__traceback__, show_locals=True
        )
    )
    for shown in (plain, console.export_text()):
        assert "SecretToken(***)" in shown
        assert TEXT not in shown.replace(f'TEXT = "{TEXT}"', "")


def test_a_token_does_not_appear_in_a_log_line(secret: SecretToken, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("tiktok_pipeline.test").warning("refreshing %s and %r", secret, {"token": secret})
    assert TEXT not in caplog.text
    assert "***" in caplog.text


@dataclasses.dataclass
class Grant:
    """Somebody's record that holds a token."""

    token: SecretToken


class Model(BaseModel):
    """Somebody's model that holds a token."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    token: SecretToken


@pytest.mark.parametrize(
    "serialise",
    [
        lambda secret: dataclasses.asdict(Grant(secret)),
        lambda secret: dataclasses.astuple(Grant(secret)),
        lambda secret: Model(token=secret).model_dump_json(),
        lambda secret: pydantic_core.to_json({"token": secret}),
        lambda secret: TypeAdapter(dict[str, Any]).dump_json({"token": secret}),
        lambda secret: json.dumps({"token": secret}),
        lambda secret: pickle.dumps(Grant(secret)),
        lambda secret: copy.deepcopy(Model(token=secret)),
        lambda secret: multiprocessing.get_context("spawn").SimpleQueue().put(secret),
    ],
)
def test_what_holds_a_token_cannot_be_serialised_either(
    serialise: Callable[[SecretToken], object], secret: SecretToken
) -> None:
    with pytest.raises((TypeError, ValueError)) as refusal:
        serialise(secret)
    assert TEXT not in str(refusal.value)


@pytest.mark.parametrize(
    "show",
    [
        lambda secret: repr(Grant(secret)),
        lambda secret: repr(Model(token=secret)),
        lambda secret: str(Model(token=secret).model_dump()),
        lambda secret: json.dumps({"token": secret}, default=str),
        lambda secret: pprint.pformat({"token": secret}),
        lambda secret: pretty_repr(Grant(secret), expand_all=True),
        lambda secret: logging.Formatter("%(message)s").format(
            logging.LogRecord("x", logging.INFO, "", 0, "%(token)r %(token)s", ({"token": secret},), None)
        ),
    ],
)
def test_what_holds_a_token_shows_stars_in_its_place(
    show: Callable[[SecretToken], str], secret: SecretToken
) -> None:
    shown = show(secret)
    assert "***" in shown
    assert TEXT not in shown


def test_a_token_can_be_used(secret: SecretToken) -> None:
    assert secret.reveal() == TEXT
