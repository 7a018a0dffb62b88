"""Files from strangers: archives, pictures, drawings, fonts and bundles that are torn, forged, or far too large.

    python -m tests.faults.files --times 200

Sources of icons go through `train`'s own reader, bundles through `read_bundle`: each comes to icons, or to one
sentence, within SLOWEST, and leaves nothing beside it. `times`: archives changed by chance, bundles, cards.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import resource
import shutil
import struct
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from generator.checkpoint import read_bundle
from generator.files import CARD, BundleError
from tests.conftest import draw_icon
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle
from tests.faults.pictures import hostile, saved
from train.data.reading import Request, SourceError
from train.data.sources import read_source

SLOWEST = 30.0
"""Seconds of the processor that one file may take."""

ENTRIES = 100_000


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Archives made to harm, then archives and bundles with changes by chance."""
    chance = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        yield among("archives, pictures, drawings and fonts made to harm", _made(folder), ("one sentence", "icons"))
        yield among("archives with changes by chance", _changed(folder, times, chance), ("one sentence", "icons"))
        tiny = tiny_bundle(Path(name) / "tiny")
        yield among("bundles with changes by chance", _bundles(tiny, folder, times, chance), ("one sentence",))
        yield among(
            "cards and headers that were forged", _forged(tiny, folder, times, chance), ("one sentence", "read")
        )


def _read(path: Path) -> str:
    """What reading a source comes to."""
    before, began = sorted(path.parent.parent.rglob("*")), time.process_time() + _children()
    try:
        found = read_source(path, Request(size=64, background=(255, 255, 255)))
        end = "icons" if len(found.icons) else "icons: none"
    except SourceError as error:
        sentence = str(error)
        end = "one sentence" if "\n" not in sentence.strip() else f"{path.name}: {sentence}"
    except Exception as error:
        end = f"{path.name}: {error!r:.80}"
    took = time.process_time() + _children() - began
    if sorted(path.parent.parent.rglob("*")) != before:
        return f"{path.name}: wrote something"
    return end if took < SLOWEST else f"{path.name}: {took:.0f} s"


def _children() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def _made(folder: Path) -> Counter[str]:
    ends, icon = Counter[str](), saved(draw_icon(1), "PNG")
    for name, content in _harmful(icon).items():
        path = folder / name
        path.write_bytes(content)
        ends[_read(path)] += 1
        path.unlink()
    return ends


def _harmful(icon: bytes) -> dict[str, bytes]:
    outside = (
        "../../x.png",
        "/etc/x.png",
        "a/../../x.png",
        "..\\x.png",
        "C:\\x.png",
        "x" * 5000 + ".png",
        "\0.png",
        ".",
    )
    deep = "a/" * 3000 + "x.png"
    files = {
        f"{kind}-{number}.{kind}": make({name: icon})
        for kind, make in (("zip", _zip), ("tar", _tar))
        for number, name in enumerate((*outside, deep))
    }
    files["many.zip"] = _zip({f"{number}.txt": b"" for number in range(ENTRIES)})
    files["many-icons.zip"] = _zip({f"{number}.png": b"x" for number in range(ENTRIES)})
    files["many.tar"] = _tar({f"{number}.txt": b"" for number in range(ENTRIES // 10)})
    files["bomb.zip"] = _zip({f"{number}.png": bytes(2**26) for number in range(8)})
    files["inner.zip"] = _zip({"a.zip": _zip({"b.zip": _zip({"c.png": icon})})})
    files["links.tar"] = _tar({}, *_links())
    files["sparse.tar"] = _tar({}, _huge("x.png", 2**50))
    files["same.zip"] = _same_names(icon)
    files["lies.zip"] = _lying(_zip({"a.png": bytes(2**20)}))
    files |= {
        f"torn-{len(part)}.zip": part for part in (_zip({"a.png": icon})[:cut] for cut in (1, 4, 30, 99, -1, -22))
    }
    laughs = b"".join(b"<!ENTITY a%d '%s'>" % (n + 1, b"&a%d;" % n * 10) for n in range(9))
    files["laughs.svg"] = (
        b"<!DOCTYPE svg [<!ENTITY a0 'ha'>%s]><svg xmlns='http://www.w3.org/2000/svg'><text>&a9;</text></svg>" % laughs
    )
    files["deep.svg"] = b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g>" * 200_000
    files["huge.svg"] = (
        b"<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9'><rect width='1e9' height='1e9'/></svg>"
    )
    files["file.svg"] = (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd' width='9' height='9'/></svg>"
    )
    files["icons.json"] = json.dumps(
        {"prefix": "x", "icons": {"a": {"body": "<path d='" + "M0 0" * 200_000 + "'/>"}}}
    ).encode()
    files["deep.json"] = b'{"prefix":"x","icons":' + b"[" * 100_000
    files["empty.ttf"], files["noise.ttf"] = b"", b"\0\1\0\0" + random.Random(0).randbytes(5000)  # noqa: S311
    return files | {name: content for name, content in hostile().items() if len(content) < 2**24}


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _tar(files: dict[str, bytes], *special: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in special:
            archive.addfile(info)
    return buffer.getvalue()


def _links() -> Iterator[tarfile.TarInfo]:
    for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
        info = tarfile.TarInfo(f"{number}.png")
        info.type, info.linkname = kind, "/etc/passwd"
        yield info


def _huge(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _same_names(icon: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings(action="ignore"):
        for _ in range(50):
            archive.writestr(zipfile.ZipInfo("a.png"), icon)
    return buffer.getvalue()


def _lying(content: bytes) -> bytes:
    """An archive whose directory says that its only file is small."""
    at = content.rindex(b"PK\1\2") + 24
    return content[:at] + struct.pack("<I", 10) + content[at + 4 :]


def _changed(folder: Path, times: int, chance: random.Random) -> Counter[str]:
    ends = Counter[str]()
    icons = {f"{number}.png": saved(draw_icon(number), "PNG") for number in range(3)}
    kinds: dict[str, bytes] = {"x.zip": _zip(icons), "x.tar": _tar(icons), "0.png": icons["0.png"]}
    for number in range(times):
        name = list(kinds)[number % len(kinds)]
        path = folder / name
        path.write_bytes(_mutated(kinds[name], chance))
        ends[_read(path)] += 1
        path.unlink()
    return ends


def _mutated(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, taken out, doubled, or the end cut off."""
    new = bytearray(content)
    for _ in range(chance.choice((1, 1, 3, 30))):
        at = chance.randrange(max(len(new), 1))
        match chance.randrange(4):
            case 0:
                new[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del new[at : at + chance.choice((1, 8, 100))]
            case 2:
                new[at:at] = new[at : at + chance.choice((1, 8, 100))]
            case 3:
                del new[max(at, len(new) - chance.randrange(1, 400)) :]
    return bytes(new)


def _bundles(tiny: Path, folder: Path, times: int, chance: random.Random) -> Counter[str]:
    """One byte or more of one file is another; nothing of it may be read."""
    ends = Counter[str]()
    names = sorted(each.name for each in tiny.iterdir())
    for number in range(times):
        name = names[number % len(names)]
        content = (tiny / name).read_bytes()
        changed = _mutated(content, chance)
        if changed == content:
            continue
        end = _bundle(tiny, folder, {name: changed})
        if name == CARD and end == "read":
            end = "one sentence, or a card that is whole and says something else"
        ends[end] += 1
    return ends


def _forged(tiny: Path, folder: Path, times: int, chance: random.Random) -> Counter[str]:
    """Values in the card, and headers of tensors, are others, and the digests fit."""
    ends, card = Counter[str](), json.loads((tiny / CARD).read_text())
    values: tuple[object, ...] = (
        None,
        True,
        -1,
        0,
        2**70,
        1e400,
        "",
        "x" * 10_000,
        [],
        {},
        "\0",
        ["a"] * 9,
        {"a": {"a": {}}},
    )
    for number in range(times):
        forged = json.loads(json.dumps(card))
        files: dict[str, bytes] = {}
        if number % 2:
            place, key = _anywhere(forged, chance)
            place[key] = chance.choice(values)
        else:
            name = chance.choice(("generator.safetensors", "neighbors.safetensors"))
            files[name] = _header(chance)((tiny / name).read_bytes())
            forged["files"][name] = hashlib.sha256(files[name]).hexdigest()
        files[CARD] = json.dumps(forged).encode()
        ends[_bundle(tiny, folder, files)] += 1
    return ends


def _anywhere(document: dict[str, object], chance: random.Random) -> tuple[dict[str, object], str]:
    key = chance.choice(list(document))
    inner = document[key]
    return _anywhere(inner, chance) if isinstance(inner, dict) and inner and chance.random() < 0.7 else (document, key)


def _header(chance: random.Random) -> Callable[[bytes], bytes]:
    """A change of a safetensors header: shapes, types, places, lengths."""
    old, new = chance.choice(
        (
            *((b'"F32"', b'"F64"'), (b'"F32"', b'"I32"'), (b'"F16"', b'"BF16"'), (b'"F32"', b'"BOOL"')),
            *(
                (b'"shape":[', b'"shape":[0,'),
                (b'"shape":[', b'"shape":[-1,'),
                (b'"shape":[', b'"shape":[99999999999,'),
            ),
            *(
                (b'"data_offsets":[', b'"data_offsets":[9'),
                (b'"data_offsets":[', b'"data_offsets":[-'),
                (b"{", b"[" * 5000),
            ),
        )
    )

    def change(content: bytes) -> bytes:
        size = int.from_bytes(content[:8], "little")
        header = content[8 : 8 + size].replace(old, new, 1)
        length = chance.choice((len(header), len(header), size, 2**40, 0))
        return length.to_bytes(8, "little") + header + content[8 + size :]

    return change


def _bundle(tiny: Path, folder: Path, files: dict[str, bytes]) -> str:
    path = folder / "bundle"
    shutil.copytree(tiny, path)
    for name, content in files.items():
        (path / name).write_bytes(content)
    try:
        read_bundle(path)
        end = "read"
    except BundleError as error:
        end = "one sentence" if str(error).isprintable() else f"not printable: {error}"
    except Exception as error:
        end = f"{sorted(files)}: {error!r:.120}"
    shutil.rmtree(path)
    return end


if __name__ == "__main__":
    alone("files", experiment, 200)
