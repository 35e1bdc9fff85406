"""The diff of files that git does not know: each is new, with all its lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_LARGEST_FILE = 200_000


def untracked_diff(root: Path, names: Iterable[str], limit: int) -> str:
    """Return a unified diff with the content of files, as git shows new ones.

    A file that is binary or large is named with its size and digest only. A link is not followed.

    Args:
        root: The folder of the paths.
        names: Paths below it.
        limit: Files after this number of characters are left out, and counted.
    """
    parts: list[str] = []
    length, left_out = 0, 0
    for name in names:
        if length > limit:
            left_out += 1
            continue
        parts.append(_new_file(root / name, name))
        length += len(parts[-1])
    if left_out:
        parts.append(f"[{left_out} more files are not in this diff]\n")
    return "".join(parts)


def _new_file(path: Path, name: str) -> str:
    head = f"diff --git a/{name} b/{name}\nnew file\n"
    if path.is_symlink():
        return f"{head}a link to {path.readlink()}\n"
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"{head}it cannot be read: {error.strerror}\n"
    text = _text(content)
    if text is None:
        digest = hashlib.sha256(content).hexdigest()
        return f"{head}{len(content):,} bytes, SHA-256 {digest}\n"
    lines = text.split("\n")
    ends = lines[-1] == ""
    lines = lines[:-1] if ends else lines
    body = "".join(f"+{line}\n" for line in lines)
    end = "" if ends or not lines else "\\ No newline at end of file\n"
    return f"{head}--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n{body}{end}"


def _text(content: bytes) -> str | None:
    if len(content) > _LARGEST_FILE or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
