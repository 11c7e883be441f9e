"""Reads the YAML of a source card (docs/sources), named as the loader names sources and feeds."""

from pathlib import Path
from typing import Any

import yaml

from include.config.source import SourceConfig

CARDS = Path(__file__).parents[2] / "docs" / "sources"


def blocks(card: str) -> list[dict[str, Any]]:
    """Return the YAML blocks of a card."""
    text = (CARDS / f"{card}.md").read_text()
    return [yaml.safe_load(part.split("```")[0]) for part in text.split("```yaml\n")[1:]]


def sources(card: str) -> dict[str, SourceConfig]:
    """Return the sources that a card shows, checked like a configuration."""
    found = {}
    for block in blocks(card):
        for name, given in block.get("sources", {}).items():
            feeds = {feed: {**spec, "name": feed, "source": name} for feed, spec in given.get("feeds", {}).items()}
            found[name] = SourceConfig.model_validate({"name": name, **given, "feeds": feeds})
    return found
