"""One topic of a Kafka cluster, read by position: no consumer group, nothing is committed on the cluster."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from include.config.options.kafka import KafkaBrokers
from include.http import Credentials
from include.sources.base import SourceAnswerInvalid, SourceError, SourceRejected, SourceUnavailable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALLOWED = (
    "ssl.",
    "sasl.",
    "enable.ssl.",
    "security.protocol",
    "client.",
    "broker.",
    "socket.",
    "receive.",
    "check.crcs",
)
_COMMANDS = frozenset({"sasl.kerberos.kinit.cmd"})
_REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001  that is what librdkafka's own errors are called
        KafkaError._SSL,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
    }
)


def client_settings(cluster: KafkaBrokers, who: Credentials) -> dict[str, Any]:
    """Return librdkafka's settings to reach a cluster; a connection's extra may set `ssl.…`, `sasl.…` and the like.

    Raises `ValueError` with a sentence for a key of the extra that does not belong there.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(cluster.brokers),
        "security.protocol": cluster.security,
        "log_level": 0,  # what goes wrong comes back as an error; standard error is not ours to fill
    }
    if cluster.security.startswith("sasl"):
        settings |= {"sasl.mechanism": cluster.mechanism, "sasl.username": who.login, "sasl.password": who.password}
    if isinstance(who.verify, str):
        settings["ssl.ca.location"] = who.verify
    elif not who.verify:
        settings["enable.ssl.certificate.verification"] = False
    for key, value in who.extra.items():
        if not key.startswith(_ALLOWED) or key in _COMMANDS:
            raise ValueError(f"the connection's extra has the key {key!r}. It may have keys such as ssl.ca.location")
        settings[key] = value
    return settings


def milliseconds(moment: datetime) -> int:
    """Return the first millisecond since 1970 that is not before `moment`."""
    return -(-(moment - _EPOCH) // timedelta(milliseconds=1))


class Topic:
    """One topic; use it as a context manager. Errors name the source."""

    def __init__(self, source: str, name: str, settings: Mapping[str, Any], timeout: float) -> None:
        self.name = name
        self._source = source
        self._timeout = timeout
        self._heard: list[KafkaError] = []
        self._consumer = self._connect(settings)

    def _connect(self, settings: Mapping[str, Any]) -> Consumer:
        own: dict[str, Any] = {
            "group.id": "almanac",  # librdkafka wants one; with assign() it is never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "check.crcs": True,
            "queued.max.messages.kbytes": 16 << 10,
            "fetch.wait.max.ms": 10,  # what is read is there already
            "socket.timeout.ms": int(min(max(self._timeout, 1), 300) * 1000),
            "error_cb": self._heard.append,
        }
        try:
            return Consumer({**own, **settings})
        except (KafkaException, ValueError, TypeError) as error:
            raise SourceRejected(
                f"Source {self._source!r}: its Kafka settings cannot be used ({error}). Correct its options or its "
                "connection."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def partitions(self) -> list[int]:
        """Return the numbers of the topic's partitions; raises `SourceRejected` where there is no such topic."""
        try:
            known = self._consumer.list_topics(self.name, timeout=self._timeout).topics[self.name]
        except KafkaException as error:
            raise self._said(error.args[0]) from error
        if known.error is not None and known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise SourceRejected(
                f"Source {self._source!r}: the cluster has no topic {self.name!r}, or the login may not describe it. "
                "Correct topic in the options."
            )
        if known.error is not None:
            raise self._said(known.error)
        return sorted(known.partitions)

    def watermarks(self, partition: int) -> tuple[int, int]:
        """Return the oldest offset that is still there, and the one that the next message will get.

        Messages of a transaction that is still open are not there yet.
        """
        try:
            found = self._consumer.get_watermark_offsets(
                TopicPartition(self.name, partition), timeout=self._timeout, cached=False
            )
        except KafkaException as error:
            raise self._said(error.args[0]) from error
        if found is None:
            raise self._silent(partition)
        low, high = found
        return low, high

    def offsets_at(self, moment: datetime, partitions: Sequence[int]) -> dict[int, int | None]:
        """Return per partition the offset of its first message that is not older than `moment`; None: there is none."""
        asked = [TopicPartition(self.name, partition, milliseconds(moment)) for partition in partitions]
        try:
            answers = self._consumer.offsets_for_times(asked, timeout=self._timeout)
        except KafkaException as error:
            raise self._said(error.args[0]) from error
        for answer in answers:
            if answer.error is not None:
                raise self._said(answer.error)
        return {answer.partition: answer.offset if answer.offset >= 0 else None for answer in answers}

    def messages(self, partition: int, start: int, stop: int) -> Iterator[Message]:
        """Yield the messages with offsets from `start` to before `stop`, in order.

        The end is a position, not a count: compaction and the markers of transactions leave holes. Raises
        `SourceUnavailable` when nothing comes for as long as the source's timeout.
        """
        if start >= stop:
            return
        self._consumer.assign([TopicPartition(self.name, partition, start)])
        heard = time.monotonic()
        try:
            while True:
                message = self._consumer.poll(0.5)
                if message is None:
                    if time.monotonic() - heard > self._timeout:
                        raise self._silent(partition)
                    continue
                offset = message.offset()
                failed = message.error()
                if failed is not None:
                    if failed.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                        raise self._said(failed)
                    if offset is not None and offset >= stop:
                        return
                    continue
                heard = time.monotonic()
                if offset is None or offset < start or message.partition() != partition:
                    continue  # left over from what was read before
                if offset < stop:
                    yield message
                if offset >= stop - 1:
                    return
        finally:
            self._consumer.unassign()

    def _hear(self) -> None:
        """Let librdkafka tell what it has met meanwhile: one event at a time, of which errors come to `_heard`."""
        for _ in range(10):
            self._consumer.poll(0)

    def _silent(self, partition: int) -> SourceUnavailable:
        self._hear()
        why = f" ({self._heard[-1].str()})" if self._heard else ""
        return SourceUnavailable(
            f"Source {self._source!r}: nothing came from topic {self.name!r}, partition {partition}, for "
            f"{self._timeout:g} seconds{why}. Check the brokers, or raise timeout."
        )

    def _said(self, error: KafkaError) -> SourceError:
        """Return an error of librdkafka as one of ours; what it said shortly before may tell the reason."""
        self._hear()
        refused = next((one for one in (error, *self._heard) if one.code() in _REFUSED), None)
        if refused is not None:
            return SourceRejected(
                f"Source {self._source!r}: the cluster refuses us at topic {self.name!r}: {refused.str()}. Check the "
                "login in its connection, its rights on the topic, and security in the options."
            )
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            return SourceAnswerInvalid(
                f"Source {self._source!r}: topic {self.name!r} lost messages while it was read ({error.str()}). Run "
                "the window again."
            )
        why = "; ".join(dict.fromkeys(one.str() for one in (error, *self._heard[-2:])))
        return SourceUnavailable(
            f"Source {self._source!r}: topic {self.name!r} cannot be read ({why}). Check that the brokers are up and "
            "can be reached from here, by the names under which they announce themselves, and security in the options."
        )
