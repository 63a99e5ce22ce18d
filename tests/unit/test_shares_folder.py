import fcntl
import os
import struct
from pathlib import Path

import msgspec
import pytest

from hami_dra.shares import DamagedRegionError, Limits, Share, ShareFolders, region

CLAIM = "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10"
OTHER_CLAIM = "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f11"
SHARE = Share(
    claim_namespace="team",
    claim_name="double",
    claim_uid=CLAIM,
    request="gpu-0",
    share_id="5f3f9a0c-9f0e-4a56-8b0d-7d2a4c3b1e00",
    pool="node-1",
    device="hami-gpu-0",
    gpu_uuid="GPU-1",
    cores=30,
    memory=4 * 2**30,
)


@pytest.fixture
def folders(tmp_path: Path) -> ShareFolders:
    return ShareFolders(tmp_path / "shares")


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and inode of each file: what stays the same was not made anew."""
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir() if path.is_file()}


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and what lies in it."""
    return {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}


def test_folder_says_what_the_share_is(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    folder = folders.path(SHARE)
    assert folder.name == f"{CLAIM}-{SHARE.share_id}"
    assert Limits.read(folder) == Limits("GPU-1", 4 * 2**30, 30, "hard")
    assert region.is_intact(folder / "region")
    assert msgspec.json.decode((folder / "share.json").read_bytes())["claimName"] == "double"
    assert list(folders.shares()) == [SHARE]


def test_tenants_of_any_user_read_all_and_write_the_region_alone(folders: ShareFolders) -> None:
    before = os.umask(0o077)
    try:
        folders.ensure(SHARE)
    finally:
        os.umask(before)
    folder = folders.path(SHARE)
    of_share = {"containers": 0o755, "limits": 0o644, "region": 0o666, "share.json": 0o644}
    assert modes(folder) == {folder.name: 0o755} | of_share
    assert modes(folders.root.parent / "turns/1") == {"1": 0o755, "turn": 0o644, "next": 0o644, "urgent": 0o644}
    assert modes(folders.root)["shares"] == 0o755  # which monitors have as a whole


def test_doing_it_twice_is_doing_it_once(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    before = snapshot(folders.path(SHARE))
    folders.ensure(SHARE)
    assert snapshot(folders.path(SHARE)) == before


@pytest.mark.parametrize("lost", ["limits", "region", "share.json"])
def test_lost_file_comes_back(folders: ShareFolders, lost: str) -> None:
    folders.ensure(SHARE)
    folder = folders.path(SHARE)
    before = snapshot(folder)
    (folder / lost).unlink()
    folders.ensure(SHARE)
    after = snapshot(folder)
    if lost == "region":
        assert after["region"][0] == before["region"][0]
    else:
        assert after["region"][1] == before["region"][1]
        assert generation(folder / "region") == 1  # running processes are told to read the limits again
    for name in ("limits", "share.json"):
        assert after[name][0] == before[name][0]


def test_what_a_killed_process_left_unfinished_goes(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    (folders.path(SHARE) / ".limits.abc").write_text("half")
    folders.ensure(SHARE)
    assert sorted(snapshot(folders.path(SHARE))) == ["limits", "region", "share.json"]


def test_change_of_limits_that_was_cut_short_is_told_to_running_processes_after_all(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    changed = msgspec.structs.replace(SHARE, memory=2**30)
    (folders.path(SHARE) / "limits").write_bytes(Limits.of(changed).render())
    folders.ensure(changed)
    assert generation(folders.path(SHARE) / "region") == 1
    assert list(folders.shares()) == [changed]


def test_changed_limit_keeps_the_live_region_and_tells_its_processes(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    path = folders.path(SHARE) / "region"
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), b"live", region.SLOTS_OFFSET)
    inode = path.stat().st_ino
    folders.ensure(msgspec.structs.replace(SHARE, memory=2**30))
    assert Limits.read(folders.path(SHARE)).memory == 2**30
    assert generation(path) == 1
    assert path.stat().st_ino == inode
    assert path.read_bytes()[region.SLOTS_OFFSET :].startswith(b"live")


def generation(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[region.GENERATION_OFFSET :][:8], "little")


def test_damaged_region_is_replaced_only_when_nobody_uses_it(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    path = folders.path(SHARE) / "region"
    with path.open("r+b") as tenant:
        os.pwrite(tenant.fileno(), b"?", 0)
        slot = struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, region.SLOTS_OFFSET, region.SLOT.size, 0)
        fcntl.fcntl(tenant, fcntl.F_OFD_SETLK, slot)
        with pytest.raises(DamagedRegionError, match="delete the pods"):
            folders.ensure(SHARE)
        assert path.read_bytes().startswith(b"?")
    folders.ensure(SHARE)
    assert path.read_bytes() == region.empty()


def test_removing_a_claim_leaves_the_others(folders: ShareFolders) -> None:
    second = msgspec.structs.replace(SHARE, share_id="5f3f9a0c-9f0e-4a56-8b0d-7d2a4c3b1e01")
    other = msgspec.structs.replace(SHARE, claim_uid=OTHER_CLAIM)
    for share in (SHARE, second, other):
        folders.ensure(share)
    (folders.root / f".{SHARE.name}.unfinished").mkdir()
    assert {claim for claim, _ in folders.by_claim()} == {CLAIM, OTHER_CLAIM}
    folders.remove_claim(CLAIM, keep=frozenset({second.name}))
    assert list(folders.shares()) == [second, other]
    folders.remove_claim(CLAIM)
    assert [path.name for path in folders.root.iterdir()] == [other.name]


def test_failing_write_leaves_nothing_behind(folders: ShareFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk() -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(region, "empty", full_disk)
    with pytest.raises(OSError, match="No space left"):
        folders.ensure(SHARE)
    assert list(folders.root.iterdir()) == []


def test_shares_without_a_readable_identity_are_left_out(folders: ShareFolders) -> None:
    folders.ensure(SHARE)
    (folders.path(SHARE) / "share.json").write_text('{"claimName": 3}')
    (folders.root / "stray-file").write_text("")
    assert list(folders.shares()) == []


def test_no_root_folder_is_no_shares(folders: ShareFolders) -> None:
    assert list(folders.shares()) == []
    assert list(folders.by_claim()) == []
    folders.remove_claim(CLAIM)
