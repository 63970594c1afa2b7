# SPDX-License-Identifier: Apache-2.0
"""A link between a node and its hub that can be cut, frozen, slowed and counted: TCP on 127.0.0.1, threads, no root."""
import socket
import struct
import threading
import time

UP, DOWN = "up", "down"  # node to hub, hub to node
PIECE = 256 * 1024


class Relay:
    """Listens on a free port and carries to `target` (a port, or a host and port; may change: a hub that was started
    again has another one)."""

    def __init__(self, target):
        self.target = target
        self.delay = 0.0
        self.bytes = {UP: 0, DOWN: 0}
        self.connections = 0
        self._refuse = False
        self._hold = set()  # directions that carry nothing, without an end of the connection
        self._cut_at = {}  # direction: bytes still carried before everything is cut
        self._pairs = set()
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # ---- what a test says ----

    def cut(self):
        """Every connection ends with a reset, new ones are refused."""
        with self._changed:
            self._refuse = True
            self._end_all()

    def open(self):
        """Everything is carried again. What was held back is lost with its connection, as after a long silence."""
        with self._changed:
            stalled = bool(self._hold)
            self._refuse = False
            self._hold = set()
            self._cut_at = {}
            self.delay = 0.0
            if stalled:
                self._end_all()
            self._changed.notify_all()

    def half_open(self):
        """Connections stay and nothing passes, in both directions; new ones are taken and are silent too."""
        with self._changed:
            self._hold = {UP, DOWN}

    def one_way(self, direction):
        """Only this direction is carried."""
        with self._changed:
            self._hold = {DOWN if direction == UP else UP}

    def cut_after(self, count, direction):
        """After `count` more bytes in that direction everything is cut, in the middle of whatever it was; new
        connections are taken at once."""
        with self._changed:
            self._cut_at[direction] = count

    def is_armed(self):
        """cut_after is still to come."""
        with self._changed:
            return bool(self._cut_at)

    def close(self):
        self.cut()
        self._listener.close()

    # ---- carrying ----

    def _end_all(self):
        for pair in list(self._pairs):
            self._end(pair)

    def _end(self, pair):
        self._pairs.discard(pair)
        for end in pair:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self._changed.notify_all()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        host, port = self.target if isinstance(self.target, tuple) else ("127.0.0.1", self.target)
        far = None
        if not self._refuse:
            try:
                far = socket.create_connection((host, port))
            except OSError:
                pass
        if not far:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self._changed:
            self._pairs.add(pair)
            self.connections += 1
        for source, sink, direction in ((near, far, UP), (far, near, DOWN)):
            threading.Thread(target=self._carry, args=(pair, source, sink, direction), daemon=True).start()

    def _allowed(self, pair, size, direction):
        """Bytes of a piece that may pass; waits while the direction is held. None: the connection is gone."""
        with self._changed:
            while direction in self._hold and pair in self._pairs:
                self._changed.wait()
            if pair not in self._pairs:
                return None
            if direction in self._cut_at:
                left = self._cut_at[direction]
                self._cut_at[direction] = left - size
                return min(left, size)
            return size

    def _carry(self, pair, source, sink, direction):
        try:
            while True:
                piece = source.recv(PIECE)
                allowed = self._allowed(pair, len(piece), direction)
                if allowed is None:
                    return
                if self.delay:
                    time.sleep(self.delay)
                if not piece:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(piece[:allowed])
                self.bytes[direction] += allowed
                if allowed < len(piece):
                    with self._changed:
                        self._cut_at.pop(direction, None)
                        self._end_all()
                    return
        except OSError:
            with self._changed:
                self._end(pair)
