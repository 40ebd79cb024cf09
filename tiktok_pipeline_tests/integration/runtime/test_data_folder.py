"""One owner per data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.data_folder import DataFolder, DataFolderTaken

HOLD = """
import sys, time
from pathlib import Path
from tiktok_pipeline.runtime.data_folder import DataFolder
DataFolder(Path(sys.argv[1])).own()
print("mine", flush=True)
time.sleep(60)
"""


def test_the_second_owner_is_told_who_the_first_is(tmp_path: Path) -> None:
    with DataFolder(tmp_path), pytest.raises(DataFolderTaken) as caught:
        DataFolder(tmp_path).own()
    message = str(caught.value)
    assert f"already in use by pid {os.getpid()} (" in message
    assert "\n" not in message
    assert "--data-dir" in message


def test_a_killed_owner_leaves_the_folder_free(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"mine\n"
    with pytest.raises(DataFolderTaken, match=f"pid {holder.pid} "):
        DataFolder(tmp_path).own()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with DataFolder(tmp_path):
        pass


def test_what_a_dead_owner_wrote_means_nothing(tmp_path: Path) -> None:
    (tmp_path / "owner").write_text("pid 1 (something that ended long ago and has a very long name)\n")
    with DataFolder(tmp_path):
        assert (tmp_path / "owner").read_text().startswith(f"pid {os.getpid()} (")
        assert "long ago" not in (tmp_path / "owner").read_text()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match=r"data folder .*/file: .*DATA_DIR"):
        DataFolder(tmp_path / "file").own()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["serve", "--port", "3000"], "tiktok-pipeline serve"),
        (["account", "add", "jakarta_01", "--auth-code", "abc*1!2.va"], "tiktok-pipeline account add"),
        (["import-history", "postgresql://hub:word@db/hub"], "tiktok-pipeline import-history"),
    ],
)
def test_the_owner_is_named_without_a_code_or_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: str
) -> None:
    monkeypatch.setattr("sys.argv", ["tiktok-pipeline", *arguments])
    with DataFolder(tmp_path):
        assert (tmp_path / "owner").read_text() == f"pid {os.getpid()} ({named})\n"
