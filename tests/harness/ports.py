"""Free ports on loopback below the kernel's range for outgoing connections, so that no outgoing connection uses one of them."""
import random
import socket

FIRST, LAST, SIZE = 10000, 32000, 20


def _free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


class PortBlock:
    """SIZE consecutive free ports, reserved until close(). The reservation is an abstract socket, so it ends with the process."""

    def __init__(self):
        for _ in range(200):
            base = random.randrange(FIRST, LAST, SIZE)
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0tamada-ports-{base}")
            except OSError:
                claim.close()
                continue
            if all(_free(p) for p in range(base, base + SIZE)):
                self.base, self._claim = base, claim
                return
            claim.close()
        raise RuntimeError(f"no {SIZE} free consecutive ports between {FIRST} and {LAST}")

    def __getitem__(self, i):
        assert 0 <= i < SIZE
        return self.base + i

    def close(self):
        self._claim.close()
