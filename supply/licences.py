"""`python -m supply.licences`: what an installation holds, with versions and licences, as a Markdown table.

An installation is what `uv.lock` gives without the groups of developers, with the extra `celery`. Exits with 1 when a
licence is not known, or asks for more than this project's own can promise.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.markers import Marker

from tiktok_pipeline.project_files import project_file

EXTRAS = ("celery",)
ALLOWED = re.compile(
    r"\b(?:MIT|BSD|Apache|ISC|PSF|Python|HPND|MPL|Mozilla|Unlicense|Public Domain|Zlib|LGPL|Lesser|0BSD|CC0|ZPL|"
    r"PostgreSQL|CNRI|UPL)\b",
    re.IGNORECASE,
)


def installed() -> list[tuple[str, str, str]]:
    """Name, version and licence of each package of an installation on this platform, by name."""
    lock = tomllib.loads(project_file("uv.lock").read_text(encoding="utf-8"))
    packages = {package["name"]: package for package in lock["package"]}
    wanted = [("tiktok-pipeline", extra) for extra in ("", *EXTRAS)]
    seen: set[tuple[str, str]] = set()
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = packages[name]
        needs = (
            package.get("optional-dependencies", {}).get(extra, [])
            if extra
            else package.get("dependencies", [])
        )
        for need in needs:
            if _applies(need):
                wanted += [(need["name"], part) for part in ("", *need.get("extra", []))]
    names = sorted({name for name, _ in seen} - {"tiktok-pipeline"})
    return [(name, packages[name]["version"], licence_of(name)) for name in names]


def licence_of(name: str) -> str:
    """As the package itself says: an expression, a text's first line, or its classifiers; empty when it does not."""
    try:
        told = distribution(name)
    except PackageNotFoundError:
        return ""
    return _told(told)


def _told(told: Distribution) -> str:
    metadata: Any = told.metadata
    classifiers = [
        line.rsplit(" :: ", 1)[-1] for line in metadata.get_all("Classifier") or [] if "License ::" in line
    ]
    text = (metadata.get("License") or "").strip().splitlines()
    return metadata.get("License-Expression") or "; ".join(classifiers) or (text[0][:80] if text else "")


def _applies(need: dict[str, Any]) -> bool:
    return "marker" not in need or Marker(need["marker"]).evaluate()


if __name__ == "__main__":
    rows = installed()
    wrong = [name for name, _, licence in rows if not ALLOWED.search(licence)]
    table = "\n".join(f"| {name} | {version} | {licence} |" for name, version, licence in rows)
    sys.stdout.write(f"| package | version | licence |\n|---|---|---|\n{table}\n")
    if wrong:
        sys.stderr.write(f"look at the licences of: {', '.join(wrong)}\n")
    sys.exit(1 if wrong else 0)
