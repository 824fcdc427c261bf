import time

import psycopg2


def timed_out(error):
    """Whether this error of psycopg2 says only that the server did not answer in time, which happens on a slow machine, too."""
    return isinstance(error, psycopg2.errors.QueryCanceled) or "timeout expired" in str(error)


def wait_for(what, condition, timeout, step=0.05):
    """The first true answer of condition(). An exception counts as `not yet` and is reported when the time is over."""
    deadline, last = time.monotonic() + timeout, None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = None
        except Exception as e:  # noqa: BLE001 - servers come and go; only the deadline decides
            last = e
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s" + (f" ({type(last).__name__}: {last})" if last else ""))
        time.sleep(step)
