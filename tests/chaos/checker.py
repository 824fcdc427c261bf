"""Searches histories for what must not happen. Each check returns anomalies: {kind, what}."""
from history import FAIL, OK


def anomaly(kind, what):
    return {"kind": kind, "what": what}


def inserts(operations, final):
    """A set of ids: each acknowledged one is there in the end, and none that nobody has inserted."""
    tried = {}
    for operation in operations:
        tried.setdefault(operation.value, []).append(operation.outcome)
    found = [anomaly("lost", f"row {value} was acknowledged, and is missing in the end")
             for value, outcomes in tried.items() if OK in outcomes and value not in final]
    for value in sorted(final):
        if value not in tried:
            found.append(anomaly("never tried", f"row {value} is there, and nobody has inserted it"))
        elif set(tried[value]) == {FAIL}:
            found.append(anomaly("failed, and there", f"row {value} was refused, and is there"))
    return found


def broken(operations):
    """Errors by which PostgreSQL tells that its data or itself is broken (class XX)."""
    return [anomaly("broken", f"{operation.kind} at {operation.invoked:.2f} on {operation.host}: {operation.error}")
            for operation in operations if operation.error.startswith("XX")]


def bank(operations, total):
    """Transfers between accounts: each read shows the same total, and no account below zero."""
    found = []
    for operation in operations:
        if operation.kind != "balances" or operation.outcome != OK:
            continue
        if sum(operation.value) != total:
            found.append(anomaly("wrong total", f"{sum(operation.value)} and not {total} at {operation.invoked:.2f} on {operation.host}: {operation.value}"))
        elif min(operation.value) < 0:
            found.append(anomaly("overdrawn", f"at {operation.invoked:.2f} on {operation.host}: {operation.value}"))
    return found


def counter(operations, final=None):
    """A number that clients increment and read on the primary. No client sees it decrease, no read misses an increment that was acknowledged
    before the read began, and it never exceeds the number of increments that were tried."""
    found, seen = [], {}
    good = sorted((o for o in operations if o.outcome == OK), key=lambda o: o.invoked)
    for operation in good:
        if operation.value < seen.get(operation.process, 0):
            found.append(anomaly("went back", f"client {operation.process} saw {seen[operation.process]}, and then {operation.value} "
                                              f"at {operation.invoked:.2f} on {operation.host}"))
        seen[operation.process] = operation.value
    acknowledged = sorted((o for o in good if o.kind == "increment"), key=lambda o: o.completed)
    highest, next_one = 0, 0
    for operation in good:
        while next_one < len(acknowledged) and acknowledged[next_one].completed < operation.invoked:
            highest = max(highest, acknowledged[next_one].value)
            next_one += 1
        least = highest + (operation.kind == "increment")
        if operation.value < least:
            found.append(anomaly("stale", f"client {operation.process} got {operation.value} at {operation.invoked:.2f} on {operation.host}, after "
                                          f"{highest} was acknowledged"))
    most = max((o.value for o in acknowledged), default=0)
    if final is not None and final < most:
        found.append(anomaly("lost", f"{most} was acknowledged, and {final} is there in the end"))
    tries = sum(1 for o in operations if o.kind == "increment" and o.outcome != FAIL)
    if max([o.value for o in good] + [final or 0]) > tries:
        found.append(anomaly("never tried", f"more than the {tries} increments that were tried"))
    return found
