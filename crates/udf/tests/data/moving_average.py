#!/usr/bin/env python3
"""A user defined function for Capstan and Kapacitor: a moving average per group.

    moving_average.py stream                  points in, points out, over standard input and output
    moving_average.py batch                   batches in, batches out
    moving_average.py stream --socket PATH    serves every connection to a Unix socket

Options in a script: .field('value') .size(3) .as('mean'). Only Python's standard library is used: the few protobuf
messages are read and written by hand, each behind its length as a varint.

The environment variable FAULT makes it misbehave, for tests: `crash` ends it with status 3 at the second point,
`error` reports an error there, `silent` lets it answer nothing from there on, `deaf` lets it not end, `noise` lets it
print text, `mute` lets it not say what it is.
"""
import json
import os
import socket
import struct
import sys
import threading
import time

STREAM, BATCH = 0, 1
BOOL, INT, DOUBLE, STRING, DURATION = range(5)

# Numbers of the messages within Request and Response.
INFO, INIT, KEEPALIVE, SNAPSHOT, RESTORE, ERROR, BEGIN, POINT, END = 1, 2, 3, 4, 5, 6, 16, 17, 18


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def as_bytes(field, data):
    """A field of wire type 2: bytes, a string or a message."""
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def as_int(field, number):
    return varint(field << 3) + varint(number)


def parse(data):
    """Pairs of field number and value; values are ints, or bytes for everything that is not a varint."""
    at, fields = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        kind = key & 7
        if kind == 0:
            fields.append((key >> 3, number()))
            continue
        size = {1: 8, 5: 4}[kind] if kind in (1, 5) else number()
        fields.append((key >> 3, data[at : at + size]))
        at += size
    return fields


def signed(number):
    return number - (1 << 64) if number >= 1 << 63 else number


class Agent:
    def __init__(self, edge, source, sink):
        self.edge, self.source, self.sink = edge, source, sink
        self.field, self.size, self.name = "value", 2, "mean"
        self.windows = {}
        self.batch = None
        self.points = 0
        self.fault = os.environ.get("FAULT", "")
        self.silent = False

    def run(self):
        if self.fault == "noise":
            self.sink.write(b"Hello, I am a function\n" * 100)
            self.sink.flush()
        while True:
            data = self.read()
            if data is None:
                break
            for number, body in parse(data):
                self.handle(number, body)
        if self.fault == "deaf":
            time.sleep(3600)

    def read(self):
        length = shift = 0
        while True:
            byte = self.source.read(1)
            if not byte:
                return None
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
        return self.source.read(length)

    def write(self, number, body):
        if self.silent:
            return
        message = as_bytes(number, body)
        self.sink.write(varint(len(message)) + message)
        self.sink.flush()

    def handle(self, number, body):
        if number == INFO and self.fault != "mute":
            options = {"field": [STRING], "size": [INT], "as": [STRING]}
            info = as_int(1, self.edge) + as_int(2, self.edge)
            for name, types in options.items():
                types = b"".join(as_int(1, kind) for kind in types)
                info += as_bytes(3, as_bytes(1, name) + as_bytes(2, types))
            self.write(INFO, info)
        elif number == INIT:
            self.init(parse(body))
        elif number == KEEPALIVE:
            self.write(KEEPALIVE, body)
        elif number == SNAPSHOT:
            self.write(SNAPSHOT, as_bytes(1, json.dumps(self.windows).encode()))
        elif number == RESTORE:
            self.windows = json.loads(dict(parse(body))[1])
            self.write(RESTORE, as_int(1, 1))
        elif number == BEGIN:
            # As it goes on to the end: name, group and tags have other numbers there, except the first two.
            self.batch = body
            self.write(BEGIN, body)
        elif number == POINT:
            self.point(parse(body))
        elif number == END:
            self.batch = None
            self.write(END, body)

    def init(self, fields):
        for number, option in fields:
            if number != 1:
                continue
            name, values = "", []
            for key, value in parse(option):
                if key == 1:
                    name = value.decode()
                elif key == 2:
                    value = dict(parse(value))
                    values.append(value[5].decode() if 5 in value else signed(value.get(3, 0)))
            if name == "field":
                self.field = values[0]
            elif name == "size":
                self.size = values[0]
            elif name == "as":
                self.name = values[0]
        if self.size < 1:
            self.write(INIT, as_bytes(2, "size must be positive"))
        else:
            print("ready", file=sys.stderr, flush=True)
            self.write(INIT, as_int(1, 1))

    def point(self, fields):
        self.points += 1
        if self.points == 2:
            if self.fault == "crash":
                print("out of order", file=sys.stderr, flush=True)
                os._exit(3)
            elif self.fault == "error":
                self.write(ERROR, as_bytes(1, "the second point is too much"))
                return
            elif self.fault == "silent":
                self.silent = True
        value, group, out = None, "", b""
        for key, data in fields:
            if key == 5:
                group = data.decode()
            if key in (8, 9):
                entry = dict(parse(data))
                if entry.get(1, b"").decode() == self.field:
                    raw = entry.get(2, 0)
                    value = signed(raw) if key == 9 else struct.unpack("<d", raw or bytes(8))[0]
            if key in (1, 11):
                out += as_int(key, data)
            elif key in (2, 3, 4, 5, 6, 7):
                out += as_bytes(key, data)
        if value is None:
            return
        window = self.windows.setdefault(group, [])
        window.append(value)
        del window[: -self.size]
        mean = struct.pack("<d", sum(window) / len(window))
        self.write(POINT, out + as_bytes(8, as_bytes(1, self.name) + varint(2 << 3 | 1) + mean))


def serve(edge, path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        both = connection.makefile("rwb")

        def work(connection=connection, both=both):
            try:
                Agent(edge, both, both).run()
            except OSError:
                pass
            both.close()
            connection.close()

        threading.Thread(target=work, daemon=True).start()


def main():
    edge = BATCH if "batch" in sys.argv else STREAM
    if "--socket" in sys.argv:
        serve(edge, sys.argv[sys.argv.index("--socket") + 1])
    Agent(edge, sys.stdin.buffer, sys.stdout.buffer).run()


if __name__ == "__main__":
    main()
