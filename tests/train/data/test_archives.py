"""Archives are read in memory; harmful ones are refused in a sentence and write nothing."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train.data import archives
from train.data.archives import ArchiveError, Member, is_archive, read_archive


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files: dict[str, bytes], *special: tarfile.TarInfo) -> Path:
    mode = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # the mode is one of the known
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in special:
            archive.addfile(info)
    return path


def read(path: Path) -> list[Member]:
    return list(read_archive(path, lambda name: name.endswith(".png")))


FILES = {"a.png": b"1" * 5000, "deep/er/b.png": b"2", "notes.txt": b"3"}


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tar.bz2", "x.tar.xz"])
def test_wanted_files_are_read_and_others_named(tmp_path: Path, name: str) -> None:
    path = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, FILES)
    assert is_archive(path, path.read_bytes()[:512])
    assert read(path) == [Member("a.png", b"1" * 5000), Member("deep/er/b.png", b"2"), Member("notes.txt")]
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["../../x.png", "/etc/x.png", "a/../../x.png", "..\\x.png", "C:\\x.png", "\\x.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_point_outside_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = (write_zip if kind == "zip" else write_tar)(tmp_path / f"x.{kind}", {"a.png": b"1", name: b"2"})
    with pytest.raises(ArchiveError, match="points outside of the archive"):
        read(path)


@pytest.mark.parametrize("inner", ["inner.zip", "deep/inner.tar.gz", "inner.7z"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nested_archives_are_refused(tmp_path: Path, inner: str, kind: str) -> None:
    path = (write_zip if kind == "zip" else write_tar)(tmp_path / f"x.{kind}", {inner: b"PK\x03\x04"})
    with pytest.raises(ArchiveError, match="is an archive itself: unpack it and give the folder"):
        read(path)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_in_a_tar_are_refused_alone(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("innocent.png")
    info.type = kind
    found = read(write_tar(tmp_path / "x.tar", {"a.png": b"1"}, info))
    assert found[0] == Member("a.png", b"1")
    assert "a device" in found[1].problem


LINKS = {
    "same.png": "a.png",
    "deep/up.png": "../a.png",
    "out.png": "../secret.png",
    "deep/out.png": "../../secret.png",
    "root.png": "/etc/passwd",
    "drive.png": "C:\\secret.png",
}


def check_links(found: list[Member]) -> None:
    assert found[0] == Member("a.png", b"1")
    assert [member.name for member in found if member.is_link] == ["same.png", "deep/up.png"]
    assert all(member.data is None for member in found[1:])
    refused = [member.name for member in found if "points outside of the archive" in member.problem]
    assert refused == ["out.png", "deep/out.png", "root.png", "drive.png"]


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_links_in_a_tar_are_named_and_only_those_that_leave_it_refused(tmp_path: Path, kind: str) -> None:
    infos = []
    for name, target in LINKS.items():
        info = tarfile.TarInfo(name)
        info.type = tarfile.SYMTYPE if kind == "symbolic" else tarfile.LNKTYPE
        info.linkname = "a.png" if kind == "hard" and name == "deep/up.png" else target  # hard ones start at the top
        infos.append(info)
    check_links(read(write_tar(tmp_path / "x.tar", {"a.png": b"1"}, *infos)))


def test_links_in_a_zip_are_named_and_only_those_that_leave_it_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a.png": b"1"})
    with zipfile.ZipFile(path, "a") as archive:
        for name, target in LINKS.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    check_links(read(path))


def zip_of(path: Path, *names: bytes) -> Path:
    """A zip whose names are these bytes, not marked as UTF-8."""
    fillers = [f"{number:03}".ljust(len(name), "_") for number, name in enumerate(names)]
    data = write_zip(path, dict.fromkeys(fillers, b"1")).read_bytes()
    for filler, name in zip(fillers, names, strict=True):
        data = data.replace(filler.encode(), name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp932", ["表情/笑顔.png", "ソース.png", "a.png", "能力.png"]),
        ("cp437", ["König.png", "café.png", "naïve/Äpfel.png", "plain.png"]),
        ("utf-8", ["König.png", "笑顔.png"]),
        ("ascii", ["deep\\a.png", "b.png"]),
    ],
)
def test_names_in_a_zip_are_read_in_their_encoding(tmp_path: Path, encoding: str, names: list[str]) -> None:
    path = zip_of(tmp_path / "x.zip", *(name.encode(encoding) for name in names))
    assert [member.name for member in read(path)] == [name.replace("\\", "/") for name in names]
    assert all(member.data == b"1" for member in read(path))


def test_the_byte_of_a_backslash_within_a_letter_is_no_separator(tmp_path: Path) -> None:
    names = ["表..png", "十x.png", "ソ.png"]
    assert all(b"\\" in name.encode("cp932") for name in ("表", "十", "ソ"))
    found = read(zip_of(tmp_path / "x.zip", *(name.encode("cp932") for name in names)))
    assert [member.name for member in found] == names


def test_a_name_that_is_told_besides_in_unicode_is_taken(tmp_path: Path) -> None:
    raw, told = b"x_.png", "笑.png".encode()
    info = zipfile.ZipInfo("x_.png")
    extra = b"\1" + struct.pack("<I", zlib.crc32(raw)) + told
    info.extra = struct.pack("<HH", 0x7075, len(extra)) + extra
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, b"1")
    assert read(tmp_path / "x.zip") == [Member("笑.png", b"1")]


def test_names_in_a_tar_are_read_in_their_encoding(tmp_path: Path) -> None:
    name = "表情/ソース.png".encode("cp932").decode("utf-8", "surrogateescape")
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"1"))
    assert read(tmp_path / "x.tar") == [Member("表情/ソース.png", b"1")]


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a.png": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        read(path)


def test_a_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    zeros = bytes(10 * 2**20)
    path = write_zip(tmp_path / "x.zip", {f"{number}.png": zeros for number in range(7)})
    assert path.stat().st_size < 100_000
    with pytest.raises(ArchiveError, match="more than 200 times its size"):
        next(read_archive(path, lambda _: True))


def test_a_tar_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 2**20)
    path = write_tar(tmp_path / "x.tar.gz", {"a.png": bytes(4 * 2**20)})
    with pytest.raises(ArchiveError, match="more than 200 times its size"):
        read(path)


def test_a_tar_with_a_gigantic_header_is_refused(tmp_path: Path) -> None:
    """Python's tarfile reads an extended header of any size into memory."""
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, 2**40
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT).ljust(10_240, b"\0"))
    with pytest.raises(ArchiveError, match="as only a bomb does"):
        read(path)


def test_the_total_is_limited_even_where_it_barely_compresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "TOTAL_LIMIT", 2**12)
    for path in (write_zip(tmp_path / "x.zip", FILES), write_tar(tmp_path / "x.tar", FILES)):
        with pytest.raises(ArchiveError, match="unpacks to more than the limit"):
            read(path)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 2)
    for path in (write_zip(tmp_path / "x.zip", FILES), write_tar(tmp_path / "x.tar", FILES)):
        with pytest.raises(ArchiveError, match="more than the limit of 2 files"):
            read(path)


def test_a_zip_that_claims_many_entries_is_refused_before_they_are_listed(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a.png": b"1"})
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.rindex(b"PK\x05\x06") + 10, 0xFFFF)
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="more than the limit of 50,000 files"):
        read(path)


def test_a_single_large_file_is_skipped_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FILE_LIMIT", 4096)
    for path in (write_zip(tmp_path / "x.zip", FILES), write_tar(tmp_path / "x.tar", FILES)):
        first, second, _ = read(path)
        assert (first.name, first.data) == ("a.png", None)
        assert first.problem.startswith("larger than the limit")
        assert second.data == b"2"


def test_a_damaged_file_in_a_zip_is_skipped_by_name(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a.png": bytes(range(256)) * 8, "b.png": b"2"})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    assert read(path) == [Member("a.png", problem="damaged in the archive"), Member("b.png", b"2")]


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tar.bz2", "x.tar.xz"])
def test_a_cut_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, FILES)
    path.write_bytes(path.read_bytes()[: 1500 if name == "x.tar" else 100])
    with pytest.raises(ArchiveError, match=r"damaged or cut off|cannot be read"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"a single file", mtime=0)])
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="no archive at all"):
        read(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["x.zip", "x.tar", "x.tar.gz", "x.tar.xz"]),
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 255)), max_size=6),
    st.integers(0, 12_000),
)
def test_damaged_archives_never_break_it(
    tmp_path: Path, name: str, changes: list[tuple[int, int]], length: int
) -> None:
    path = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, FILES)
    data = bytearray(path.read_bytes())
    for position, value in changes:
        data[position % len(data)] = value
    path.write_bytes(data[:length])
    with suppress(ArchiveError):
        assert all(isinstance(member, Member) for member in read(path))
