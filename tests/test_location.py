from pathlib import Path

import pytest

from archive_restore.ledger import network_share

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
nas:/photos /mnt/nas nfs4 rw,vers=4.2 0 0
//server/share /mnt/my\\040disk cifs rw 0 0
nas:/b /mnt/a\\134040%20\\043b nfs rw 0 0
/dev/sdb1 /mnt/nas/local ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/home/me/ledger.db", None),
        ("/mnt/nas/archive-restore/ledger.db", "nfs4"),
        ("/mnt/nasty/ledger.db", None),
        ("/mnt/nas/local/ledger.db", None),
        ("/mnt/my disk/ledger.db", "cifs"),
        ("/mnt/a\\040%20#b/ledger.db", "nfs"),
    ],
)
def test_a_ledger_on_a_network_share_is_known_by_its_mount(
    tmp_path: Path, place: str, kind: str | None
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert network_share(Path(place), mounts) == kind


def test_where_mounts_are_not_told_nothing_is_warned_of(tmp_path: Path) -> None:
    assert network_share(Path("/mnt/nas/ledger.db"), tmp_path / "none") is None
