"""``c2f fetch``."""

from tyro.conf import Positional

from c2f.cli.app import app


@app.command(name="fetch")
def fetch(names: Positional[tuple[str, ...]] = (), /, list: bool = False, verify: bool = False) -> None:
    """Download and unpack data sets ahead of time, or list them; C2F_DATA moves the folder, C2F_OFFLINE=1 forbids it.

    Args:
        names: the data sets, or frost: the photographs that the corruption of that name is made of.
        list: show every data set, its licence, its size and whether it is there.
        verify: read every file again and compare its checksum; without it that is done when a file has changed.
    """
    from c2f import datasets
    from c2f.corruptions import frost

    if not names and not list:
        raise ValueError("name the data sets to fetch, or give --list")
    for name in names:
        if name != frost.NAME:
            datasets.info(name)  # all names are checked before the first download
    for name in names:
        print(f"{name}: {frost.fetch() if name == frost.NAME else datasets.fetch(name)}")
        if verify and name != frost.NAME:
            datasets.verify(name)
            print(f"{name}: every file is whole")
    if list:
        print(f"data root: {datasets.data_root()} (C2F_DATA moves it)")
        for row in datasets.table():
            size = f"{row.size / 1e6:.0f} MB" if row.size else "-"
            print(f"{row.name:27s} {'there' if row.present else '-':6s} {size:>8s}  {row.licence}")
        size = f"{sum(photograph.size for photograph in frost.PHOTOGRAPHS) / 1e6:.0f} MB"
        print(f"{frost.NAME:27s} {'there' if frost.there() else '-':6s} {size:>8s}  {frost.LICENCE}")
