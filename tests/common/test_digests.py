"""Digests of folders: every file below counts, and where it is."""

from common.digests import content_digest


def test_a_file_in_a_folder_of_the_folder_counts(tmp_path):
    for fold in ("fold-0", "fold-1"):
        (tmp_path / fold).mkdir()
        (tmp_path / fold / "weights").write_text(fold)
    before = content_digest(tmp_path)
    (tmp_path / "fold-1" / "weights").write_text("others")
    other = content_digest(tmp_path)
    (tmp_path / "fold-1" / "weights").rename(tmp_path / "fold-0" / "more")
    assert len({before, other, content_digest(tmp_path)}) == 3
