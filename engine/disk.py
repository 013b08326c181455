"""What a disk may refuse, in words. No torch."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def check_writable(folder: Path) -> None:
    """OSError now rather than after an hour of drawing."""
    probe = folder / f".lodestone-{os.getpid()}.part"
    try:
        probe.touch()
    finally:
        probe.unlink(missing_ok=True)


def why(error: OSError) -> str:
    """What stopped a file from being written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full. Free some space or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder is read-only. Choose another folder"
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return "a file or folder of that name is in the way. Choose another name"
    return f"{error.strerror or error}. Choose another folder"
