"""SQLite's own writes, seen and spoilt: a layer around the VFS through which it reaches the disk.

Every file is opened by the real VFS; then its table of methods is exchanged for a copy in which
those that change the disk are ours. Reading and locking never come by here.
"""

from __future__ import annotations

import contextlib
import ctypes as C
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

OK, READ_ONLY = 0, 8
EIO_WRITE, EIO_SYNC, FULL = 10 | 3 << 8, 10 | 4 << 8, 13
#: What `xOpen` is told of a file whose name must survive with its first sync.
_JOURNALS = 0x00000800 | 0x00080000


class Step(NamedTuple):
    """One thing that is about to be done to a file.

    `kind` is ``open``, ``write``, ``truncate``, ``sync``, ``delete`` or ``close``; `at` the offset
    of a write or the new size. `is_journal`: opened as one (then its first sync is its folder's).
    """

    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    is_journal: bool = False


#: Looks at a step before it is done; anything but 0 is answered instead of doing it.
Watch = Callable[[Step], int]

_P, _I, _L = C.c_void_p, C.c_int, C.c_int64
# Names as pointers: the real VFS keeps the one that it is given.
_OPEN = C.CFUNCTYPE(_I, _P, _P, _P, _I, _P)
_DELETE = C.CFUNCTYPE(_I, _P, _P, _I)
_METHODS: dict[str, Any] = {
    "close": C.CFUNCTYPE(_I, _P),
    "write": C.CFUNCTYPE(_I, _P, _P, _I, _L),
    "truncate": C.CFUNCTYPE(_I, _P, _L),
    "sync": C.CFUNCTYPE(_I, _P, _I),
}


class _Methods(C.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = (
        ("version", _I),
        *((name, _P) for name in ("close", "read", "write", "truncate", "sync")),
        ("others", _P * 13),
    )


class _File(C.Structure):
    """sqlite3_file: what comes first in every VFS's own kind of file."""

    _fields_ = (("methods", C.POINTER(_Methods)),)


class _Vfs(C.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        ("version", _I), ("file_size", _I), ("path_size", _I), ("next", _P),
        ("name", C.c_char_p), ("data", _P), ("open", _OPEN), ("delete", _DELETE),
        ("others", _P * 16),
    )  # fmt: skip


def library() -> C.CDLL:
    """The very library that the `sqlite3` module uses; where there is none, the test is skipped."""
    paths: set[str] = set()
    with contextlib.suppress(FileNotFoundError), open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "libsqlite3" in line}
    if len(paths) != 1:
        import pytest  # here only: what runs under this VFS need not load it

        pytest.skip("cannot run here: the SQLite that this Python uses is not found")
    found = C.CDLL(paths.pop())
    found.sqlite3_libversion.restype = C.c_char_p
    assert found.sqlite3_libversion().decode() == sqlite3.sqlite_version
    found.sqlite3_vfs_find.restype = C.POINTER(_Vfs)
    found.sqlite3_vfs_register.argtypes = (C.POINTER(_Vfs), _I)
    return found


class WatchedVfs:
    """The default VFS, with `watch` asked before every step."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._library = library()
        self._real: Any = self._library.sqlite3_vfs_find(None)
        self._files: dict[int, tuple[str, bool, Any]] = {}
        self._tables: dict[int, tuple[_Methods, tuple[Any, ...]]] = {}
        self._vfs = _Vfs.from_buffer_copy(self._real.contents)
        self._vfs.name = b"watched"
        self._vfs.open, self._vfs.delete = _OPEN(self._open), _DELETE(self._delete)

    def install(self) -> None:
        """Be the VFS of every connection that is opened from now on."""
        _INSTALLED.add(self)
        self._library.sqlite3_vfs_register(self._vfs, 1)

    def remove(self) -> None:
        """Let the real one be that again; call it once no connection is open."""
        self._library.sqlite3_vfs_unregister(C.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._real, 1)
        _INSTALLED.discard(self)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = "" if name is None else _text(name)
        if code := self._watch(Step("open", path)):
            return code
        if code := self._real.contents.open(vfs, name, file, flags, out):
            return int(code)
        methods = C.cast(file, C.POINTER(_File)).contents
        table = C.addressof(methods.methods.contents)
        if table not in self._tables:
            self._tables[table] = self._wrapped(methods.methods.contents)
        ours, real = self._tables[table]
        self._files[file] = (path, bool(flags & _JOURNALS), real)
        methods.methods = C.pointer(ours)
        return OK

    def _delete(self, vfs: int, name: int, sync_folder: int) -> int:
        code = self._watch(Step("delete", _text(name), sync_folder))
        return code or int(self._real.contents.delete(vfs, name, sync_folder))

    def _wrapped(self, real: _Methods) -> tuple[_Methods, tuple[Any, ...]]:
        """A copy of a table of methods with ours in it, and the real ones that ours call."""
        ours = _Methods.from_buffer_copy(real)
        kept = []
        for name, form in _METHODS.items():
            method = form(getattr(self, f"_{name}"))
            kept.append((form(getattr(real, name)), method))
            setattr(ours, name, C.cast(method, _P))
        return ours, tuple(kept)

    def _close(self, file: int) -> int:
        path, _, ((close, _), *_) = self._files.pop(file)
        self._watch(Step("close", path))
        return int(close(file))

    def _write(self, file: int, data: int, size: int, at: int) -> int:
        path, is_journal, (_, (write, _), *_) = self._files[file]
        code = self._watch(Step("write", path, at, C.string_at(data, size), is_journal))
        return code or int(write(file, data, size, at))

    def _truncate(self, file: int, size: int) -> int:
        path, is_journal, (*_, (truncate, _), _) = self._files[file]
        code = self._watch(Step("truncate", path, size, b"", is_journal))
        return code or int(truncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        path, is_journal, (*_, (sync, _)) = self._files[file]
        code = self._watch(Step("sync", path, 0, b"", is_journal))
        return code or int(sync(file, flags))


#: SQLite has only their addresses.
_INSTALLED: set[WatchedVfs] = set()


def _text(pointer: int) -> str:
    return C.string_at(pointer).decode()


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Every connection that is opened inside is watched; all must be closed at the end."""
    vfs = WatchedVfs(watch)
    vfs.install()
    try:
        yield
    finally:
        vfs.remove()
