"""Reads a spool's new records in batches of bounded size.

A writer's position is the sequence number of its segment, shifted by 32 bits, plus the offset in
the segment in bytes. It only grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airworthy.predictions.record_frames import (
    FILE_HEADER_BYTES,
    FRAME_HEADER_BYTES,
    has_whole_header,
    whole_frames,
)
from airworthy.predictions.segments import Segment, segment_of, segments_in

BATCH_BYTES = 8 * 1024 * 1024
_OFFSET_BITS = 32


@dataclass
class Batch:
    """Records of one commit.

    Attributes:
        payloads: The records, each writer's in its order.
        positions: The position of each writer after this batch.
        finished_segments: Segments to remove after the commit of this batch.
        damaged_segments: Those to keep aside instead: a part of them could not be read.
        skipped_bytes: The number of bytes without a whole record, after a killed writer or damage.
    """

    payloads: list[bytes] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    finished_segments: list[Path] = field(default_factory=list)
    damaged_segments: list[Path] = field(default_factory=list)
    skipped_bytes: int = 0


def batches(
    folder: Path, collected: Mapping[str, int], batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Yield the batches to commit, in order. The caller commits each before it takes the next.

    Args:
        folder: The spool's folder.
        collected: The positions in the table, by writer. New writers are missing.
        batch_bytes: The size of a batch in bytes. The record to reach it ends the batch.
    """
    batch, size = Batch(), 0
    for segment in _in_order(folder, collected):
        sequence, offset = divmod(collected.get(segment.writer, 0), 1 << _OFFSET_BITS)
        if segment.sequence < sequence:
            batch.finished_segments.append(segment.path)
            continue
        # Checked before reading: a segment closed later may lack its end in `content`.
        closed = segment.closed()
        content = segment.path.read_bytes()
        end = max(offset, FILE_HEADER_BYTES) if segment.sequence == sequence else FILE_HEADER_BYTES
        skipped = 0
        for frame in whole_frames(content, end):
            if frame.start > end and not closed:
                # The writer was still writing the skipped bytes when they were read.
                break
            batch.payloads.append(frame.payload)
            batch.skipped_bytes += frame.start - end
            skipped += frame.start - end
            end, size = frame.end, size + len(frame.payload)
            batch.positions[segment.writer] = (segment.sequence << _OFFSET_BITS) + end
            if size >= batch_bytes:
                yield batch
                batch, size = Batch(), 0
        if closed:
            rest = len(content[end:].rstrip(b"\0"))
            batch.skipped_bytes += rest
            is_whole = skipped + rest == 0 and has_whole_header(content)
            (batch.finished_segments if is_whole else batch.damaged_segments).append(segment.path)
    yield batch


def has_news(folder: Path, collected: Mapping[str, int]) -> bool:
    """Return whether a spool has a record, or a segment to remove, after some positions.

    Only a few bytes of each segment are read.

    Args:
        folder: The spool's folder.
        collected: The positions in the table, by writer.
    """
    return any(_has_news(segment, collected) for segment in segments_in(folder))


def _has_news(segment: Segment, collected: Mapping[str, int]) -> bool:
    sequence, offset = divmod(collected.get(segment.writer, 0), 1 << _OFFSET_BITS)
    if segment.sequence != sequence or offset == 0:
        return True
    try:
        if segment.closed():
            return True
        with segment.path.open("rb") as stream:
            stream.seek(offset)
            return any(stream.read(FRAME_HEADER_BYTES))
    except FileNotFoundError:  # Another collector removed it.
        return True


def writers_in(folder: Path) -> set[str]:
    """Return the writers with segments in a spool."""
    return {segment.writer for segment in segments_in(folder)}


def _in_order(folder: Path, collected: Mapping[str, int]) -> Iterator[Segment]:
    """Yield the segments, each writer's in order and without a gap.

    A listing made during writing may show the newest segment but not the one before. A skipped
    segment would be lost. So every segment from the table's position to the newest is checked by
    name.
    """
    listed: dict[str, list[Segment]] = {}
    for segment in segments_in(folder):
        listed.setdefault(segment.writer, []).append(segment)
    for writer, segments in listed.items():
        first = collected.get(writer, 0) >> _OFFSET_BITS
        yield from (segment for segment in segments if segment.sequence < first)
        for sequence in range(first, segments[-1].sequence + 1):
            segment = segment_of(folder, writer, sequence)
            if segment.path.exists():
                yield segment
