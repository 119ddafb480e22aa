"""Where the benchmarks that need real photographs find them."""

import argparse
import os
from pathlib import Path


def add_photos(parser: argparse.ArgumentParser) -> None:
    """`--photos FOLDER`, or $PHOTOS."""
    default = os.environ.get("PHOTOS")
    parser.add_argument("--photos", type=Path, default=Path(default) if default else None, help="or $PHOTOS")


def photos_of(args: argparse.Namespace) -> Path:
    """The folder, absolute. Ends the program, without a fault, when there is none: `make bench` goes on."""
    if args.photos is None:
        print("left out: it needs --photos FOLDER (or $PHOTOS), with train/ and validation/ in it")
        raise SystemExit(0)
    return args.photos.resolve()
