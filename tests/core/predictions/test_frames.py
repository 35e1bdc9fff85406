"""Framed records: whole ones are read, whatever happened to the rest of the file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airworthy.predictions.record_frames import (
    FILE_HEADER_BYTES,
    frame_header,
    has_whole_header,
    new_file_header,
    whole_frames,
)

payloads = st.lists(st.binary(max_size=80), max_size=12)


def written(records: list[bytes]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a file's content, and where each record's frame is in it."""
    content, places = new_file_header(), []
    for record in records:
        frame = frame_header(content[:FILE_HEADER_BYTES], record) + record
        places.append((len(content), len(content) + len(frame)))
        content += frame
    return content, places


@given(payloads, st.data())
def test_a_file_cut_anywhere_gives_every_record_before_the_cut(
    records: list[bytes], data: st.DataObject
) -> None:
    """A torn end costs its own record, and no other."""
    content, places = written(records)
    cut = data.draw(st.integers(0, len(content)))
    result = list(whole_frames(content[:cut]))
    whole = [(start, end) for start, end in places if end <= cut]
    assert [(frame.start, frame.end) for frame in result] == whole
    assert [frame.payload for frame in result] == records[: len(whole)]


@given(payloads, st.data())
def test_damage_costs_the_records_that_it_is_in(records: list[bytes], data: st.DataObject) -> None:
    """Bytes changed behind the file's header cost their own records; all others are read.

    Where no other frame is whole, the first one may be read: header and frame differ in the marker,
    and its payload is whole.
    """
    content, places = written(records)
    start = data.draw(st.integers(FILE_HEADER_BYTES, len(content)))
    damage = data.draw(st.binary(max_size=40))[: len(content) - start]
    end = start + len(damage)
    damaged = content[:start] + damage + content[end:]
    result = {(frame.start, frame.end): frame.payload for frame in whole_frames(damaged)}
    for record, (begin, stop) in zip(records, places, strict=True):
        if damaged[begin:stop] == content[begin:stop]:
            assert result.pop((begin, stop)) == record
    assert result in ({}, dict(zip(places[:1], records[:1], strict=True)))


@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=12), st.data())
def test_one_flipped_bit_costs_the_record_that_it_is_in(
    records: list[bytes], data: st.DataObject
) -> None:
    """In the file's header it costs none: 200 records hung on these bytes once.

    The marker of an only record costs none either: the file's header has it, too.
    """
    content, places = written(records)
    position = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    expected = [
        record
        for record, (start, end) in zip(records, places, strict=True)
        if not start <= position < end
    ]
    found = [frame.payload for frame in whole_frames(bytes(flipped))]
    assert found == expected or found == records == records[:1]
    assert has_whole_header(content)
    if found == expected:
        assert has_whole_header(bytes(flipped)) == (position >= FILE_HEADER_BYTES)


@given(payloads, st.data())
def test_reading_goes_on_where_it_was_left(records: list[bytes], data: st.DataObject) -> None:
    """After the end of any record, the later ones are read."""
    content, places = written(records)
    read = data.draw(st.integers(0, len(records)))
    start = places[read - 1][1] if read else 0
    assert [frame.payload for frame in whole_frames(content, start)] == records[read:]


def test_a_client_cannot_forge_a_record() -> None:
    """A record inside a torn one, framed for another file, is not taken for a record of this file."""
    foreign, _ = written([b"forged"])
    content, places = written([b"true", b"body with " + foreign + foreign[FILE_HEADER_BYTES:]])
    torn = content[: places[1][1] - 1]
    assert [frame.payload for frame in whole_frames(torn)] == [b"true"]


@given(st.binary(max_size=60))
def test_any_other_file_holds_no_records(content: bytes) -> None:
    """Random bytes are nothing, and no error."""
    assert list(whole_frames(content)) == []
