"""librdkafka's own mock cluster: real brokers' protocol on a real socket, owned by a producer.

https://docs.confluent.io/platform/current/clients/librdkafka/html/md_INTRODUCTION.html (test.mock.num.brokers)
It keeps 5 MiB and 100,000 messages per partition and deletes older ones, as retention does. Asked for offsets by time
it always answers that there are none, so `know_times` answers instead, from what was produced and as the protocol says:
the first offset whose timestamp is not older.
"""

import socket
import time
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition


class FakeKafka:
    """A cluster of one broker; use it as a context manager. Topics come to be when they are first written to."""

    def __init__(self, **settings: Any) -> None:
        mock = {"test.mock.num.brokers": 1, "bootstrap.servers": "none:1", "log_level": 0}
        self._producer: Producer | None = Producer(
            {**mock, "message.max.bytes": 20_000_000, "linger.ms": 5, **settings}
        )
        self._failed: list[KafkaError] = []
        self.brokers: list[str] = []
        self.produced: dict[tuple[str, int], list[int]] = defaultdict(list)

    def __enter__(self) -> Self:
        known = self.producer.list_topics(timeout=10).brokers.values()
        self.brokers = [f"{broker.host}:{broker.port}" for broker in known]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the brokers away, and wait until they are gone: the cluster goes with the producer that owns it."""
        self._producer = None
        host, _, port = self.brokers[0].rpartition(":")
        with suppress(OSError):
            while True:
                socket.create_connection((host, int(port)), timeout=1).close()
                time.sleep(0.01)

    @property
    def producer(self) -> Producer:
        """The producer that owns the cluster."""
        assert self._producer is not None, "the brokers are gone"
        return self._producer

    def write(
        self,
        topic: str,
        value: bytes | str | None,
        at: datetime,
        *,
        partition: int = 0,
        key: str | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        """Produce one message with this timestamp; call `settle` before reading."""
        milliseconds = int(at.timestamp() * 1000)
        while True:
            try:
                self.producer.produce(
                    topic,
                    value,
                    key,
                    partition=partition,
                    timestamp=milliseconds,
                    headers=headers or [],
                    on_delivery=lambda error, _: self._failed.append(error) if error else None,
                )
                break
            except BufferError:
                self.producer.poll(0.1)
        self.produced[topic, partition].append(milliseconds)

    def settle(self) -> None:
        """Wait until the broker has everything."""
        assert self.producer.flush(30) == 0
        assert not self._failed

    def offset_at(self, topic: str, partition: int, milliseconds: int) -> int:
        """Return the first offset whose timestamp is not older, or -1."""
        times = self.produced[topic, partition]
        return next((offset for offset, at in enumerate(times) if at >= milliseconds), -1)

    def values(self, topic: str, partitions: int = 4) -> list[dict[str, Any]]:
        """Return what is in a topic: partition, key and value of every message."""
        consumer = Consumer(
            {"bootstrap.servers": ",".join(self.brokers), "group.id": "test", "enable.partition.eof": True}
        )
        found, open_partitions = [], set(range(partitions))
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        try:
            while open_partitions:
                message = consumer.poll(10)
                assert message is not None
                if message.error():
                    open_partitions.discard(message.partition())
                else:
                    found.append({"key": message.key(), "value": message.value(), "headers": message.headers()})
        finally:
            consumer.close()
        return found


def know_times(monkeypatch: pytest.MonkeyPatch, fake: FakeKafka) -> None:
    """Let every consumer find offsets by time in `fake`; all else goes over the wire."""

    class KnowingConsumer(Consumer):
        def offsets_for_times(
            self, partitions: list[TopicPartition], timeout: float | None = None
        ) -> list[TopicPartition]:
            return [
                TopicPartition(one.topic, one.partition, fake.offset_at(one.topic, one.partition, one.offset))
                for one in partitions
            ]

    monkeypatch.setattr("include.sources.kafka.client.Consumer", KnowingConsumer)
