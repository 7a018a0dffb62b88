"""Reads the files in a .zip or .tar archive into memory, one by one, and never writes one to the disk.

An archive may come from a stranger: names that point outside, archives in archives and bombs are refused, and with them
the whole archive; links that point outside and devices are refused alone, and links to what it holds are only named.
"""

import bz2
import gzip
import io
import lzma
import posixpath
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from generator.decode import FILE_LIMIT
from train.data.names import decoded, encoding_of

MEMBER_LIMIT = 50_000  # files in one archive
TOTAL_LIMIT = 2 * 2**30  # bytes of one archive, unpacked
RATIO_LIMIT = 200  # unpacked bytes for each packed one, beyond what is small anyhow:
SMALL = 64 * 2**20  # bytes that any archive may unpack to
ARCHIVE_SUFFIXES = frozenset(
    (".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
)

_UTF_8 = 0x800  # the flag of an entry whose name is UTF-8
_UNICODE_PATH = 0x7075
_LINK_LIMIT = 4096  # bytes of a link's target
_DEVICE = "a device or a sparse file, not a file of pixels"
_ZIP_END = b"PK\x05\x06"  # the record at the end of a zip; it may be followed by a comment of 64 KiB
_PACKED_TAR = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")  # gzip, bzip2, xz
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, IndexError)


class ArchiveError(Exception):
    """An archive that is refused; ``str()`` is the reason, without the archive's name."""


@dataclass(frozen=True)
class Member:
    """A file in an archive: its content, or why it cannot be read, or neither where nobody wanted it.

    ``is_link``: it is another name for a file of the same archive.
    """

    name: str
    data: bytes | None = None
    problem: str = ""
    is_link: bool = False


def is_archive(path: Path, head: bytes) -> bool:
    """Whether a file is a zip or a (compressed) tar, judged by its first 512 bytes."""
    return (
        head.startswith((b"PK\x03\x04", _ZIP_END, *_PACKED_TAR))
        or head[257:262] == b"ustar"
        or path.suffix.lower() in {".zip", ".tar", ".tgz"}
    )


def read_archive(path: Path, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """The files of an archive in its own order; those with a ``wanted`` name are read.

    Raises ``ArchiveError`` where the archive is refused or damaged: what came before is then not to be used.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            packed = path.stat().st_size
            members = _read_zip if head.startswith(b"PK") else _read_tar
            yield from members(file, packed, wanted)
    except _DAMAGE as error:
        raise ArchiveError("the archive is damaged or cut off, or no archive at all") from error
    except NotImplementedError as error:
        raise ArchiveError(f"the archive is packed in a way that cannot be read ({error})") from error
    except OSError as error:
        raise ArchiveError(f"the archive cannot be read ({error.strerror or error})") from error


def _read_zip(file: IO[bytes], packed: int, wanted: Callable[[str], bool]) -> Iterator[Member]:
    if _zip_count(file, packed) > MEMBER_LIMIT:
        raise ArchiveError(_too_many())
    with zipfile.ZipFile(file) as archive:
        names = _zip_names(archive)
        files = [info for info in archive.infolist() if not info.is_dir()]
        for info in archive.infolist():
            _check_name(names[info.header_offset])
            if info.flag_bits & 1:
                raise ArchiveError("the archive is encrypted: unpack it and give the folder")
        if len(files) > MEMBER_LIMIT:
            raise ArchiveError(_too_many())
        _check_total(sum(info.file_size for info in files), packed)
        for info in files:
            name = _clean(names[info.header_offset])
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind == stat.S_IFLNK:
                target = _read_zip_member(archive, info, name).data if info.file_size <= _LINK_LIMIT else None
                yield _link(name, (target or b"/").decode("utf-8", "replace"))
            elif kind not in {0, stat.S_IFREG}:
                yield Member(name, problem=_DEVICE)
            elif not wanted(name):
                yield Member(name)
            elif info.file_size > FILE_LIMIT:
                yield Member(name, problem=_too_large())
            else:
                yield _read_zip_member(archive, info, name)


def _zip_names(archive: zipfile.ZipFile) -> dict[int, str]:
    """The names by the place of each entry. Those not marked as UTF-8 are read in the encoding that fits them all."""
    infos = archive.infolist()
    unmarked = {info.header_offset: info.orig_filename.encode("cp437") for info in infos if not info.flag_bits & _UTF_8}
    encoding = encoding_of(unmarked.values())
    read = {offset: name.decode(encoding).partition("\0")[0] for offset, name in unmarked.items()}
    return {info.header_offset: _unicode_path(info) or read.get(info.header_offset, info.filename) for info in infos}


def _unicode_path(info: zipfile.ZipInfo) -> str:
    """The name in Info-ZIP's extra field for it, where it is still that of the entry; else nothing."""
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and field[:1] == b"\1":
            raw = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437")
            if zlib.crc32(raw) == int.from_bytes(field[1:5], "little"):
                return field[5:].decode("utf-8", "replace")
    return ""


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Member:
    try:
        with archive.open(info) as member:
            return Member(name, member.read(FILE_LIMIT + 1))
    except NotImplementedError:
        raise
    except Exception:  # zlib, bz2 and lzma each have errors of their own
        return Member(name, problem="damaged in the archive")


def _zip_count(file: IO[bytes], packed: int) -> int:
    """The number of entries that a zip claims, before a table of them is built; 65,535 stands for "that or more"."""
    file.seek(max(0, packed - 2**16 - 22))
    tail = file.read()
    end = tail.rfind(_ZIP_END)
    file.seek(0)
    return int.from_bytes(tail[end + 10 : end + 12], "little") if end >= 0 else 0


def _read_tar(file: IO[bytes], packed: int, wanted: Callable[[str], bool]) -> Iterator[Member]:
    with (
        _unpacked(file) as plain,
        tarfile.open(fileobj=cast("IO[bytes]", _Bounded(plain, packed)), mode="r:") as archive,
    ):
        total = 0
        for count, info in enumerate(archive, start=1):
            if count > MEMBER_LIMIT:
                raise ArchiveError(_too_many())
            _check_name(decoded(info.name))
            if info.isdir():
                continue
            name = _clean(decoded(info.name))
            if info.islnk() or info.issym():
                yield _link(name, info.linkname, from_top=info.islnk())
                continue
            if not info.isreg() or info.sparse is not None:
                yield Member(name, problem=_DEVICE)
                continue
            total += info.size
            _check_total(total, packed)
            if not wanted(name):
                yield Member(name)
                continue
            if info.size > FILE_LIMIT:
                yield Member(name, problem=_too_large())
                continue
            content = archive.extractfile(info)
            data = content.read() if content is not None else b""
            yield Member(name, data) if len(data) == info.size else Member(name, problem="cut off in the archive")


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """The stream inside a gzip, bzip2 or xz file; another file as it is."""
    head = file.read(8)
    file.seek(0)
    gz, bz, xz = (head.startswith(magic) for magic in _PACKED_TAR)
    if gz:
        return cast("IO[bytes]", gzip.open(file))
    if bz:
        return cast("IO[bytes]", bz2.open(file))
    return cast("IO[bytes]", lzma.open(file)) if xz else file


class _Bounded(io.RawIOBase):
    """A stream that refuses to be unpacked beyond the limits; tarfile would read a header of any claimed size."""

    def __init__(self, stream: IO[bytes], packed: int) -> None:
        super().__init__()
        self._stream = stream
        self._packed = packed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        _check_total(self._stream.tell() + offset if whence == io.SEEK_CUR else offset, self._packed)
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > FILE_LIMIT + tarfile.BLOCKSIZE:
            raise ArchiveError("the archive claims a header of many megabytes, as only a bomb does")
        data = self._stream.read(size)
        _check_total(self._stream.tell(), self._packed)
        return data


def _check_name(name: str) -> None:
    """Refuse names that would leave the folder they are unpacked in, and archives, which could nest without end."""
    path = name.replace("\\", "/")
    if path.startswith("/") or ".." in path.split("/") or re.match(r"[A-Za-z]:", path):
        raise ArchiveError(f"{name!r} in it points outside of the archive, as only a harmful archive does")
    if PurePosixPath(path).suffix.lower() in ARCHIVE_SUFFIXES:
        raise ArchiveError(f"{name!r} in it is an archive itself: unpack it and give the folder")


def _link(name: str, target: str, *, from_top: bool = False) -> Member:
    """A link within an archive, of which the file it names is read under its own name, or one that is refused."""
    path = target.replace("\\", "/")
    start = "" if from_top else posixpath.dirname(name)
    if (
        path.startswith("/")
        or re.match(r"[A-Za-z]:", path)
        or posixpath.normpath(f"{start}/{path}".lstrip("/")).startswith("..")
    ):
        return Member(name, problem="a link that points outside of the archive")
    return Member(name, is_link=True)


def _check_total(unpacked: int, packed: int) -> None:
    if unpacked > TOTAL_LIMIT:
        raise ArchiveError(f"it unpacks to more than the limit of {TOTAL_LIMIT // 2**30} GiB")
    if unpacked > max(SMALL, RATIO_LIMIT * packed):
        raise ArchiveError(f"it unpacks to more than {RATIO_LIMIT} times its size, as only a bomb does")


def _clean(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _too_many() -> str:
    return f"it holds more than the limit of {MEMBER_LIMIT:,} files"


def _too_large() -> str:
    return f"larger than the limit of {FILE_LIMIT // 2**20} MiB for one file"
