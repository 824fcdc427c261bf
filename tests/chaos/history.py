"""What the clients did: operations with the times of their begin and end, and what is known of their result."""
import json
import threading
import time
from dataclasses import asdict, dataclass

OK, FAIL, UNKNOWN = "ok", "fail", "unknown"


@dataclass
class Operation:
    """`ok`: the server has acknowledged it. `fail`: it has certainly not happened. `unknown`: it may have happened, or may still happen."""
    process: int           # the client
    kind: str              # what it does, by the name that its checker knows
    value: object
    invoked: float = 0     # time.monotonic()
    completed: float = 0   # 0: the run ended first
    outcome: str = UNKNOWN
    host: str = ""         # the server that was asked
    error: str = ""


class History:
    def __init__(self, operations=()):
        self.operations = list(operations)
        self._lock = threading.Lock()

    def begin(self, operation):
        operation.invoked = time.monotonic()
        with self._lock:
            self.operations.append(operation)
        return operation

    @staticmethod
    def end(operation, outcome, error=""):
        operation.error = error
        operation.completed = time.monotonic()
        operation.outcome = outcome

    def of(self, *kinds):
        return [operation for operation in self.operations if operation.kind in kinds]

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            for operation in self.operations:
                f.write(json.dumps(asdict(operation)) + "\n")


def read(path):
    with open(path, encoding="utf-8") as f:
        return History(Operation(**json.loads(line)) for line in f)
