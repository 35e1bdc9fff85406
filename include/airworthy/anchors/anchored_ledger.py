"""Compares a ledger with the heads that the anchors have kept."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from airworthy.anchor_settings import anchor_key
from airworthy.anchors.anchor import open_anchor
from airworthy.anchors.head import KeptHead, read_head
from airworthy.environment import Environment
from airworthy.errors import AirworthyError


@dataclass(frozen=True)
class KeptHeads:
    """The heads of a model in all anchors.

    Attributes:
        heads: The heads, oldest first.
        unread: Anchor's name -> the reason why it cannot be read.
    """

    heads: list[KeptHead] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AnchorCheck:
    """A ledger, compared with the kept heads.

    Attributes:
        newest: The newest head that fits; None: no head was kept.
        problems: What does not fit, one line each; empty: everything fits.
        notes: What people should know, one line each.
    """

    newest: KeptHead | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_kept_heads(
    environment: Environment, model: str, texts: Mapping[str, bytes] | None = None
) -> KeptHeads:
    """Return the heads of a model in all anchors that can be read.

    They are to be read before the ledger: an entry appended in between is no missing one.

    Args:
        environment: The environment, with its anchors and their key.
        model: The model.
        texts: Further texts with heads, by name: a mail, or lines that a webhook's receiver kept.
    """
    kept = KeptHeads()
    try:
        key = anchor_key(environment.anchor_key_file)
    except OSError as error:
        kept.unread["the key of the anchors"] = error.strerror or str(error)
        return kept
    for name, content in (texts or {}).items():
        kept.heads.extend(_heads(_lines_of(content), key, name, environment, model))
    for settings in environment.ledger_anchors:
        try:
            lines = open_anchor(settings).lines(model)
            if lines is not None:
                kept.heads.extend(_heads(lines, key, settings.name, environment, model))
        except AirworthyError as error:
            kept.unread[settings.name] = error.problem
        except OSError as error:
            kept.unread[settings.name] = error.strerror or str(error)
    kept.heads.sort(key=lambda each: each.head.at)
    return kept


def check_anchors(kept: KeptHeads, hashes: Sequence[str]) -> AnchorCheck:
    """Compare a ledger with the kept heads. Pure.

    Heads before the last acceptance by a person do not count; the acceptance itself is told.

    Args:
        kept: The heads.
        hashes: The hashes of the ledger's entries, in order.
    """
    proved = [each for each in kept.heads if each.proved]
    accepted = [each for each in proved if each.head.accepted_by is not None]
    since = accepted[-1].head.at if accepted else ""
    counting = [each for each in proved if each.head.at >= since]
    problems = [f"the anchor {name} cannot be read: {why}" for name, why in kept.unread.items()]
    problems += _problems(counting, hashes)
    fitting = [each for each in counting if _fits(each, hashes)]
    return AnchorCheck(
        newest=max(fitting, key=lambda each: each.head.sequence, default=None),
        problems=problems,
        notes=[*map(_acceptance, accepted), *_unproved(kept.heads)],
    )


def _problems(heads: Sequence[KeptHead], hashes: Sequence[str]) -> list[str]:
    """Return the cut and the rewriting, by the heads that tell most of them."""
    last = len(hashes)
    beyond = [each for each in heads if each.head.sequence > last]
    other = [each for each in heads if each.head.sequence <= last and not _fits(each, hashes)]
    problems = []
    if beyond:
        newest = max(beyond, key=lambda each: each.head.sequence)
        missing = f"entries {last + 1} to {newest.head.sequence} are missing"
        problems.append(f"{missing}, the last was {newest.head.entry_id}, {_place(newest)}")
    if other:
        first = min(other, key=lambda each: each.head.sequence)
        what = f"entry {first.head.sequence} or one before it was written anew"
        problems.append(f"{what}: it was {first.head.entry_id}, {_place(first)}")
    return problems


def _fits(kept: KeptHead, hashes: Sequence[str]) -> bool:
    sequence = kept.head.sequence
    if sequence == 0:
        return True
    return 0 < sequence <= len(hashes) and hashes[sequence - 1] == kept.head.hash


def _acceptance(kept: KeptHead) -> str:
    head = kept.head
    return (
        f"{head.accepted_by} accepted the ledger as it is at entry {head.sequence}, {_place(kept)}: "
        f"{head.reason}"
    )


def _unproved(heads: Iterable[KeptHead]) -> list[str]:
    names = [each.anchor for each in heads if not each.proved]
    return [
        f"{names.count(name)} heads in {name} are not signed with this key, and prove nothing"
        for name in dict.fromkeys(names)
    ]


def _place(kept: KeptHead) -> str:
    return f"anchored at {kept.head.at} in {kept.anchor}"


def _heads(
    lines: Iterable[str], key: bytes, name: str, environment: Environment, model: str
) -> Iterator[KeptHead]:
    for line in lines:
        kept = read_head(line, key, name) if line.strip() else None
        if kept is None or kept.head.environment != environment.name:
            continue
        if kept.head.model == model:
            yield kept


def _lines_of(content: bytes) -> list[str]:
    """Return the lines of a text; of a mail, those of its body."""
    text = content.decode(errors="replace")
    if text.lstrip().startswith("{"):
        return text.split("\n")
    mail = email.message_from_bytes(content, policy=email.policy.default)
    body = mail.get_body(("plain",))
    return (body.get_content() if body is not None else text).split("\n")
