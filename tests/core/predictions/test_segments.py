"""Writers and their segments, after appends, a full disk, or a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from airworthy.predictions.record_frames import whole_frames
from airworthy.predictions.segments import SegmentWriter, remove_unpublished, segments_in
from airworthy.predictions.spool_batches import batches


def records(folder: Path) -> list[bytes]:
    """Return the records of all segments, by writer."""
    contents = [segment.path.read_bytes() for segment in segments_in(folder)]
    return [frame.payload for content in contents for frame in whole_frames(content)]


def test_a_segment_is_closed_when_its_writer_is_done_with_it(tmp_path: Path) -> None:
    """The open segment is not closed; those before it are, and at the end it is too."""
    writer = SegmentWriter(tmp_path, segment_bytes=100)
    for number in range(20):
        writer.append(b"record %d " % number, b"x" * 20)
    kept_segments = segments_in(tmp_path)
    assert len(kept_segments) > 3
    assert [segment.closed() for segment in kept_segments] == [True] * (len(kept_segments) - 1) + [
        False
    ]
    writer.close()
    assert kept_segments[-1].closed()
    assert records(tmp_path) == [b"record %d " % number + b"x" * 20 for number in range(20)]


def test_an_old_segment_gets_no_further_record(tmp_path: Path) -> None:
    """A segment's age ends it as its size does."""
    writer = SegmentWriter(tmp_path, segment_seconds=0.0)
    writer.append(b"a")
    writer.append(b"b")
    assert [segment.sequence for segment in segments_in(tmp_path)] == [0, 1]
    writer.close()


def test_a_killed_writers_segment_is_closed_and_whole(tmp_path: Path) -> None:
    """SIGKILL takes away no record appended before it."""
    code = (
        "import sys; from pathlib import Path; from airworthy.predictions.segments import SegmentWriter\n"
        "writer = SegmentWriter(Path(sys.argv[1]))\n"
        "for number in range(1000): writer.append(b'%d' % number)\n"
        "print('written', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        (segment,) = segments_in(tmp_path)
        assert not segment.closed()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert segment.closed()
    assert records(tmp_path) == [b"%d" % number for number in range(1000)]


def test_what_a_living_writer_has_not_finished_is_not_passed_over(tmp_path: Path) -> None:
    """A read during an append returns the records before it, and none behind it; the next has them
    all.
    """
    writer = SegmentWriter(tmp_path)
    for number in range(3):
        writer.append(b"record %d" % number)
    (segment,) = segments_in(tmp_path)
    content = bytearray(segment.path.read_bytes())
    (_, second, _) = whole_frames(bytes(content))
    with segment.path.open("r+b") as stream:
        stream.seek(second.end - 4)
        stream.write(b"\0" * 4)
        stream.flush()
        (caught,) = batches(tmp_path, {})
        stream.seek(second.end - 4)
        stream.write(content[second.end - 4 : second.end])
    (later,) = batches(tmp_path, caught.positions)
    writer.close()
    assert (caught.payloads, later.payloads) == ([b"record 0"], [b"record 1", b"record 2"])
    assert (caught.skipped_bytes, later.skipped_bytes) == (0, 0)


def test_the_room_that_a_killed_writer_had_taken_is_no_damage(tmp_path: Path) -> None:
    """A killed writer's segment keeps its size, with nothing at the end; a closed one has no such
    room.
    """
    writer = SegmentWriter(tmp_path, segment_bytes=10_000)
    writer.append(b"record")
    (segment,) = segments_in(tmp_path)
    living = segment.path.read_bytes()
    writer.close()
    assert segment.path.stat().st_size < 100
    segment.path.write_bytes(living)
    (batch,) = batches(tmp_path, {})
    assert (len(living), batch.payloads, batch.finished_segments) == (
        10_000,
        [b"record"],
        [segment.path],
    )
    assert batch.skipped_bytes == 0


def test_a_full_disk_loses_what_was_refused_and_nothing_else(tmp_path: Path) -> None:
    """When the system writes a part of a record, the log says so, and other records are whole.

    A limit on file sizes makes the kernel cut writes as a full disk does.
    """
    code = """
import json, resource, sys
from pathlib import Path
from airworthy.bundle import Manifest
from airworthy.predictions.spool import PredictionLog
log = PredictionLog(Path(sys.argv[1]))
manifest = Manifest(model="eta", task="regression", inputs={"at": "datetime"}, features=[])
kept = []
def write(numbers):
    for number in numbers:
        if log.record(str(number), "eta", "1", "champion", "", b"x" * 50, [1.0], manifest):
            kept.append(str(number))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
write(range(40))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
write(range(40, 60))
print(json.dumps({"kept": kept, "lost": log.lost}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)
    kept_segments = [
        json.loads(record.split(b"\n", 1)[0])["id"]
        for record in records(tmp_path / "eta" / "predictions")
    ]
    assert report["lost"] > 0
    assert len(report["kept"]) + report["lost"] == 60
    assert {str(number) for number in range(40, 60)} <= set(report["kept"])
    assert kept_segments == report["kept"]
    assert "predictions cannot be logged" in done.stderr
    assert "predictions are logged again" in done.stderr


def test_threads_share_a_writer(tmp_path: Path) -> None:
    """Records from several threads, over many segments, are each there once."""
    writer = SegmentWriter(tmp_path, segment_bytes=2000)

    def write(name: int) -> None:
        for number in range(300):
            writer.append(b"%d-%d" % (name, number))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert sorted(records(tmp_path)) == sorted(
        b"%d-%d" % (name, number) for name in range(4) for number in range(300)
    )


def test_a_segment_that_a_listing_missed_is_read_before_the_next(tmp_path: Path) -> None:
    """A writer's segments are taken one after the other; a gap is looked for by name and ends
    nothing.
    """
    writer = SegmentWriter(tmp_path, segment_bytes=1)
    for number in range(4):
        writer.append(b"%d" % number)
    writer.close()
    first = segments_in(tmp_path)[0]
    hidden = first.path.rename(tmp_path / "elsewhere")
    (batch,) = batches(tmp_path, {})
    assert batch.payloads == [
        b"1",
        b"2",
        b"3",
    ]  # an older one that is gone was collected, and removed
    hidden.rename(first.path)
    assert [payload for batch in batches(tmp_path, {}) for payload in batch.payloads] == [
        b"0",
        b"1",
        b"2",
        b"3",
    ]


def test_what_a_writer_left_while_it_began_is_removed_in_time(tmp_path: Path) -> None:
    """A segment without its name is nobody's after an hour, and may be somebody's before."""
    import os
    import time

    young, old = tmp_path / "a-00000000.new", tmp_path / "b-00000000.new"
    for path in (young, old):
        path.write_bytes(b"")
    os.utime(old, (time.time() - 7200,) * 2)
    remove_unpublished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [young.name]
