from pathlib import Path

from gateway.spool import remove_abandoned


def test_what_a_killed_process_has_left_is_removed_after_a_day(tmp_path: Path) -> None:
    folder = tmp_path / "prepare-1"
    folder.mkdir()
    (folder / "fax.pdf").write_bytes(b"%PDF")
    now = folder.stat().st_mtime
    remove_abandoned(tmp_path, now + 80_000)
    assert folder.exists()
    remove_abandoned(tmp_path, now + 90_000)
    assert not folder.exists()
