#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network on a bad day: passes TCP connections on to a server of this machine
and changes what goes through.

meddle.py PORT alter   one bit of every request's body
meddle.py PORT cut     ends the connection in the middle of long answers

Prints the port that it listens on; goes on until it is ended."""
import socket
import sys
import threading

CUT_AFTER_BYTES = 20000


def pump(source, sink, change):
    seen = 0
    while True:
        try:
            data = source.recv(65536)
        except OSError:
            data = b""
        data, go_on = change(data, seen)
        seen += len(data)
        try:
            sink.sendall(data)
        except OSError:
            go_on = False
        if not data or not go_on:
            break
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def unchanged(data, _):
    return data, True


def alter(data, _):
    head, blank, body = data.partition(b"\r\n\r\n")
    if not data or data.startswith((b"GET ", b"HEAD ")):
        return data, True
    if not data.startswith(b"PUT "):  # a later part of the body
        return data[:-1] + bytes([data[-1] ^ 1]), True
    if body:
        body = bytes([body[0] ^ 1]) + body[1:]
    return head + blank + body, True


def cut(data, seen):
    left = CUT_AFTER_BYTES - seen
    return data[: max(left, 0)], len(data) <= left


def main():
    port, mode = int(sys.argv[1]), sys.argv[2]
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for source, sink, change in (
            (client, server, alter if mode == "alter" else unchanged),
            (server, client, cut if mode == "cut" else unchanged),
        ):
            threading.Thread(
                target=pump, args=(source, sink, change), daemon=True
            ).start()


main()
