# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cable between two serial ports: carries bytes between two sockets, and loses those that nobody takes for long."""
import selectors
import socket

WAITING_BYTES = 16384  # each way: a cell never stops because nobody listens, and a slow listener loses nothing


class Cable:
    def __init__(self, selector, *ends):
        """The selector's keys call back, as Machine wants it."""
        self.selector = selector
        self.ends = ends
        self.waiting = {end: b'' for end in ends}  # what goes to that end
        for end in ends:
            selector.register(end, selectors.EVENT_READ, self._carry)

    def _carry(self):
        for end, other in (self.ends, reversed(self.ends)):
            try:
                said = end.recv(WAITING_BYTES, socket.MSG_DONTWAIT)
                self.waiting[other] = (self.waiting[other] + said)[:WAITING_BYTES]
            except OSError:
                pass  # Nothing came from there.
        for end in self.ends:
            self._give(end)

    def _give(self, end):
        try:
            self.waiting[end] = self.waiting[end][end.send(self.waiting[end], socket.MSG_DONTWAIT):]
        except OSError:
            pass  # It has no room; the selector tells when it has.
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.waiting[end] else 0)
        self.selector.modify(end, wanted, self._carry)
