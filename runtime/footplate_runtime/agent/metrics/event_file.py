"""The records of a TensorBoard event file, and the scalars in them. Pure but for ``os.pread``.

A file is a row of TFRecords (TensorFlow: lib/io/record_writer.h): length as uint64, masked CRC-32C of the length, the
bytes, masked CRC-32C of the bytes; all little-endian. Each holds one ``Event`` (tensorflow/core/util/event.proto).
Scalars are ``simple_value`` (TensorFlow 1, torch, tensorboardX) or tensors of one element of the plugin ``scalars``
(TensorFlow 2).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from footplate_runtime.agent.metrics.points import Point, shortest

READ_BYTES = 1 << 20
_MAX_RECORD = READ_BYTES - 16  # a larger one is a graph, images or audio: passed over unread
_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")
# tensorflow/core/framework/types.proto: the types that a scalar may have, and how one element of them is packed.
_ELEMENTS = {1: _FLOAT, 2: _DOUBLE, 3: struct.Struct("<i"), 9: struct.Struct("<q"), 19: struct.Struct("<e")}
_FLOAT_VAL = 5  # of TensorProto: float_val; 6 is double_val, 7 int_val, 10 int64_val
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # Protocol Buffers: wire types


class Malformed(ValueError):
    """These bytes are not what the file's format says."""


class Part(NamedTuple):
    """What one read found: ``end`` is where the next begins, ``more`` says whether it may find something at once.

    ``bad`` records were passed over. With ``broken`` nothing behind ``end`` can be understood.
    """

    points: list[Point]
    end: int
    more: bool
    bad: int = 0
    broken: bool = False


def read_part(fd: int, start: int) -> Part:
    """The scalars of the whole records from ``start`` on, of at most 1 MiB; a torn record at the end waits."""
    size = os.fstat(fd).st_size
    data = os.pread(fd, READ_BYTES, start)
    points: list[Point] = []
    at = bad = 0
    while len(data) - at >= _HEADER.size:
        length, crc = _HEADER.unpack_from(data, at)
        if masked_crc32c(data[at : at + 8]) != crc:
            return Part(points, start + at, False, bad, broken=True)
        end = at + _HEADER.size + length + _CRC.size
        if length > _MAX_RECORD and start + end <= size:
            return Part(points, start + end, start + end < size, bad)
        if end > len(data):
            return Part(points, start + at, at > 0 and start + end <= size, bad)
        try:
            points += _scalars(data[at + _HEADER.size : end - _CRC.size], *_CRC.unpack_from(data, end - _CRC.size))
        except (Malformed, struct.error, UnicodeDecodeError):
            bad += 1
        at = end
    return Part(points, start + at, start + len(data) < size, bad)


def _scalars(record: bytes, crc: int) -> list[Point]:
    """The scalars of one event. The checksum, slow in Python, is compared only where there are any."""
    time, step, summaries = 0.0, 0, []
    for number, wire, value in _fields(record):
        match number, wire:
            case 1, 1:
                (time,) = _DOUBLE.unpack(_as_bytes(value))
            case 2, 0:
                step = _signed(value)
            case 5, 2:
                summaries.append(_as_bytes(value))
    points = [
        Point(name, found, step, time)
        for summary in summaries
        for number, wire, value in _fields(summary)
        if (number, wire) == (1, _BYTES)
        for name, found in _value(_as_bytes(value))
    ]
    if points and masked_crc32c(record) != crc:
        raise Malformed("checksum")
    return points


def _value(data: bytes) -> Iterator[tuple[str, float | int]]:
    """Tag and number of a ``Summary.Value``, if it is a scalar."""
    tag, number, tensor, plugin = "", None, None, None
    for field, wire, value in _fields(data):
        match field, wire:
            case 1, 2:
                tag = _as_bytes(value).decode()
            case 2, 5:
                number = shortest(_FLOAT.unpack(_as_bytes(value))[0])
            case 8, 2:
                tensor = _as_bytes(value)
            case 9, 2:
                plugin = _plugin(_as_bytes(value))
    if number is None and tensor is not None and plugin in (None, "scalars"):
        number = _element(tensor)
    if number is not None:
        yield tag, number


def _plugin(metadata: bytes) -> str | None:
    """The name of the plugin in a ``SummaryMetadata``; writers may leave it out after a tag's first value."""
    for field, wire, value in _fields(metadata):
        if (field, wire) == (1, _BYTES):
            for inner, inner_wire, name in _fields(_as_bytes(value)):
                if (inner, inner_wire) == (1, _BYTES):
                    return _as_bytes(name).decode()
    return None


def _element(tensor: bytes) -> float | int | None:
    """The number in a ``TensorProto`` of no dimension; None for any other."""
    kind, content = 0, b""
    numbers: list[float | int] = []
    for field, wire, value in _fields(tensor):
        match field, wire:
            case 1, 0:
                kind = _signed(value)
            case 2, 2 if any(inner == 2 for inner, _, _ in _fields(_as_bytes(value))):
                return None  # it has a dimension
            case 4, 2:
                content = _as_bytes(value)
            case ((5 | 6), (1 | 2 | 5)):
                packed = _FLOAT if field == _FLOAT_VAL else _DOUBLE
                numbers += [n for (n,) in packed.iter_unpack(_as_bytes(value))]
            case ((7 | 10 | 11), 0):
                numbers.append(_signed(value))
            case ((7 | 10 | 11), 2):
                numbers += _varints(_as_bytes(value))
    element = _ELEMENTS.get(kind)
    if element is None:
        return None
    if len(content) == element.size:
        numbers = [*element.unpack(content)]
    if len(numbers) != 1:
        return None
    return shortest(numbers[0]) if kind == 1 else numbers[0]


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field of a message: an int for a varint, bytes for all else."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise Malformed(f"wire type {wire}")
        if at + size > end:
            raise Malformed("a field reaches beyond its message")
        yield key >> 3, wire, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number at ``at``, and where the next thing is."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise Malformed("a number without end")


def _varints(data: bytes) -> list[int]:
    at, found = 0, []
    while at < len(data):
        value, at = _varint(data, at)
        found.append(_signed(value))
    return found


def _signed(value: int | bytes) -> int:
    """Protocol Buffers: an int64 below zero is written as its two's complement."""
    if isinstance(value, bytes):
        raise Malformed("bytes where a number should be")
    return value - (1 << 64) if value >> 63 else value


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Malformed("a number where bytes should be")
    return value


def _crc_table() -> tuple[int, ...]:
    """CRC-32C (Castagnoli), a byte at a time (RFC 3720, B.4)."""
    table = []
    for index in range(256):
        for _ in range(8):
            index = (index >> 1) ^ (0x82F63B78 if index & 1 else 0)
        table.append(index)
    return tuple(table)


_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """TensorFlow: lib/hash/crc32c.h, ``Mask``."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
