"""What a spool holds that a table does not have yet, in batches of bounded size.

A writer's position is the number of its segment, shifted by 32 bits, plus how far that segment is read: it only grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airworthy.predictions.record_frames import FILE_HEADER_BYTES, whole_frames
from airworthy.predictions.segments import Segment, segment_of, segments_in

BATCH_BYTES = 8 * 1024 * 1024
_OFFSET_BITS = 32


@dataclass
class Batch:
    """Records that go into one commit.

    Attributes:
        payloads: The records, each writer's in its order.
        positions: Writer -> up to where it is read with this batch.
        finished: Segments that are not needed any more once this batch is committed.
        passed_over: How many bytes were no whole record: what a killed writer left, or damage.
    """

    payloads: list[bytes] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    finished: list[Path] = field(default_factory=list)
    passed_over: int = 0


def batches(
    folder: Path, collected: Mapping[str, int], batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Return what is to be committed, in order; each is to be committed before the next is asked for.

    Args:
        folder: The spool's folder.
        collected: Writer -> its position in the table; writers that the table does not know are missing.
        batch_bytes: A batch is ended by the record that reaches this size.
    """
    batch, size = Batch(), 0
    for segment in _in_order(folder, collected):
        sequence, offset = divmod(collected.get(segment.writer, 0), 1 << _OFFSET_BITS)
        if segment.sequence < sequence:
            batch.finished.append(segment.path)
            continue
        # Asked before it is read: of a segment that is closed only afterwards, the end may be missing here.
        closed = segment.closed()
        content = segment.path.read_bytes()
        end = max(offset, FILE_HEADER_BYTES) if segment.sequence == sequence else FILE_HEADER_BYTES
        for frame in whole_frames(content, end):
            if frame.start > end and not closed:
                # While this was read, the writer went on behind what it had not finished when that was read.
                break
            batch.payloads.append(frame.payload)
            batch.passed_over += frame.start - end
            end, size = frame.end, size + len(frame.payload)
            batch.positions[segment.writer] = (segment.sequence << _OFFSET_BITS) + end
            if size >= batch_bytes:
                yield batch
                batch, size = Batch(), 0
        if closed:
            batch.finished.append(segment.path)
            batch.passed_over += len(content[end:].rstrip(b"\0"))
    yield batch


def writers_in(folder: Path) -> set[str]:
    """Return the writers that have segments in a spool."""
    return {segment.writer for segment in segments_in(folder)}


def _in_order(folder: Path, collected: Mapping[str, int]) -> Iterator[Segment]:
    """Return the segments, each writer's in order and without a gap.

    A listing that is made while a writer goes on may show its newest segment and not yet the one before. Passing that
    one over would lose it, so every segment between the table's position and the newest is looked for by name.
    """
    listed: dict[str, list[Segment]] = {}
    for segment in segments_in(folder):
        listed.setdefault(segment.writer, []).append(segment)
    for writer, segments in listed.items():
        reached = collected.get(writer, 0) >> _OFFSET_BITS
        yield from (segment for segment in segments if segment.sequence < reached)
        for sequence in range(reached, segments[-1].sequence + 1):
            segment = segment_of(folder, writer, sequence)
            if segment.path.exists():
                yield segment
