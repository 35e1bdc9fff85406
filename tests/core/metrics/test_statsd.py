"""Airflow's metrics add up: nothing is lost between processes, and no datagram breaks the served
text.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from statsd import StatsClient

from airworthy.metrics.statsd import Measurement, StatsdCollector, StatsdReceiver, parse_line

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .samples import Samples, samples


def served(statsd: StatsdCollector) -> Samples:
    """Return the served text."""
    registry = CollectorRegistry()
    registry.register(statsd)
    return samples(generate_latest(registry).decode())


@pytest.fixture
def receiver() -> Iterator[StatsdReceiver]:
    """A receiver on loopback."""
    with StatsdReceiver(("127.0.0.1", 0), StatsdCollector()) as listening:
        thread = Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def test_airflows_client_in_several_processes_is_added_up(receiver: StatsdReceiver) -> None:
    """Counters and timers of forked processes add up; a gauge is the last sent value."""
    for seconds in (0.25, 1.5):
        if os.fork() == 0:
            client = StatsClient(*receiver.server_address, prefix="airflow")
            client.incr("ti.finish,dag_id=eta__train,task_id=train,state=success", 2)
            client.timing("task.duration,dag_id=eta__train,task_id=train", seconds * 1e3)
            client.gauge("pool.open_slots,pool_name=default_pool", 7)
            client.incr("done")
            os._exit(0)
        os.wait()
    text = eventually(
        "both to arrive", lambda: served(receiver.statsd).get(("airflow_done_total",)) == 2.0
    )
    assert text
    assert served(receiver.statsd) == {
        ("airflow_ti_finish_total", "eta__train", "success", "train"): 4.0,
        ("airflow_task_duration_seconds_count", "eta__train", "train"): 2.0,
        ("airflow_task_duration_seconds_sum", "eta__train", "train"): 1.75,
        ("airflow_pool_open_slots", "default_pool"): 7.0,
        ("airflow_done_total",): 2.0,
        ("airworthy_statsd_dropped_total", "malformed"): 0.0,
        ("airworthy_statsd_dropped_total", "too_many_series"): 0.0,
    }


@pytest.mark.parametrize(
    ("line", "measurement"),
    [
        ("airflow.a-b.c:1|c", Measurement("counter", "airflow_a_b_c", (), 1.0)),
        ("airflow.a:1|c|@0.1", Measurement("counter", "airflow_a", (), 10.0)),
        (
            "airflow.a,t=x y/z.py:0.5|ms",
            Measurement("summary", "airflow_a_seconds", (("t", "x y/z.py"),), 0.0005),
        ),
        ("airflow.a,file-name=:3|g", Measurement("gauge", "airflow_a", (("file_name", ""),), 3.0)),
        ("airflow.a:-3|g", Measurement("gauge", "airflow_a", (), -3.0, change=True)),
        (
            "airflow.dag_processing.processes:-1|c",
            Measurement("gauge", "airflow_dag_processing_processes", (), -1.0, change=True),
        ),
        ("airflow.a:-1|c", None),
        ("airflow.a:1|c|@0", None),
        ("airflow.a:nan|g", None),
        ("airflow.a:1.2.3|g", None),
        ("airflow.a,9=x:1|c", None),
        ("airworthy.stage.runs:1|c", None),
        ("airflow.a", None),
        ("", None),
    ],
)
def test_a_line_means_what_statsd_says(line: str, measurement: Measurement | None) -> None:
    """Rates, changes of gauges and empty tags are understood; all else is refused, and other names
    than Airflow's.
    """
    assert parse_line(line) == measurement


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.from_regex(rb"airflow[a-z.,=0-9\n\"\\]{0,9}:[0-9]{1,3}\|(c|g|ms)"),
        )
    )
)
def test_whatever_is_sent_can_be_served(datagrams: list[bytes]) -> None:
    """No datagram makes a text unreadable for Prometheus."""
    statsd = StatsdCollector()
    for datagram in datagrams:
        statsd.add_datagram(datagram)
    assert ("airworthy_statsd_dropped_total", "malformed") in served(statsd)


def test_series_are_limited() -> None:
    """Ever new tags fill no memory: known series go on counting, and the rest is logged."""
    statsd = StatsdCollector(max_series=3)
    for number in range(10):
        statsd.add_datagram(f"airflow.a,t={number}:1|c".encode())
    statsd.add_datagram(b"airflow.a,t=2:1|c")
    text = served(statsd)
    assert [text[("airflow_a_total", str(number))] for number in range(3)] == [1.0, 1.0, 2.0]
    assert text[("airworthy_statsd_dropped_total", "too_many_series")] == 7.0


def test_a_flood_of_new_names_and_tags_leaves_room_for_others() -> None:
    """Names without a series were kept for ever, and one name could take all the room."""
    statsd = StatsdCollector(max_series=10_000)
    for number in range(12_000):
        statsd.add_datagram(f"airflow.flood,t={number}:1|c".encode())
    statsd.add_datagram(b"airflow.long,t=" + b"x" * 60_000 + b":1|c")
    statsd.add_datagram(b"airflow.task:1|c")
    text = served(statsd)
    assert sum(name == "airflow_flood_total" for name, *_ in text) == 1_250
    assert text[("airflow_task_total",)] == 1.0
    full = StatsdCollector(max_series=3)
    for number in range(1_000):
        full.add_datagram(f"airflow.name{number}:1|c".encode())
    assert len(list(full.collect())) == 4


def test_a_large_datagram_is_read_whole(receiver: StatsdReceiver) -> None:
    """Clients may put many lines into one datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"\n".join([b"airflow.many:1|c"] * 1000), receiver.server_address)
    eventually(
        "the datagram", lambda: served(receiver.statsd).get(("airflow_many_total",)) == 1000.0
    )
