"""Writes docs/share-config.schema.json and the chart's checks anew: `make share-config`."""

from tools.share_config.derived import DERIVED

if __name__ == "__main__":
    for path, derive in DERIVED.items():
        path.write_text(derive())
