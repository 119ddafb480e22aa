from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.listing import Listing
from pipeline.data.prepare import decode_to_file, locate
from pipeline.data.prepared import Prepared, save_index
from pipeline.data.sources import scan
from pipeline.spec.data import AnyData, Digits


def prepared_here(spec: AnyData, listing: Listing, folder: Path) -> Prepared:
    """What `prepare` makes, in this process and without Ray: one file for each chunk."""
    tables = [decode_to_file(spec, [chunk], folder, number) for number, chunk in enumerate(listing.chunks)]
    prepared = locate(pa.concat_tables(tables), listing, folder)
    save_index(prepared)
    return prepared


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataHandle:
    """The digits, prepared once for all tests."""
    spec = Digits()
    listing = scan(spec)
    return make_handle(listing, prepared_here(spec, listing, tmp_path_factory.mktemp("digits")))
