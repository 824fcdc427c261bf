"""The table of the results of many runs."""
import json

MARK = "<!-- results -->\n"
HEAD = ("| Side | Mode | ttl | Failsafe | Seed | Minutes | Faults | Writes in | Longest outage | Acknowledged | Lost | Two primaries | Back after | Load | Verdict |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")


def row(run):
    done = sum(1 for fault in run["faults"] if fault["outcome"] == "done")
    excused = f" (after a thaw: {run['double_excused_s']} s)" if run["double_excused_s"] else ""
    verdict = run["verdict"] + (": " + "; ".join(failure[:120] for failure in run["failures"]) if run["failures"] else "")
    return (f"| {run['side']} {run['version']} | {run['mode']} | {run['times']['ttl']} | {'on' if run['failsafe'] else 'off'} | {run['seed']} | {run['minutes']:g} "
            f"| {done} of {len(run['faults'])} | {run['availability_pct']:.1f} % | {run['longest_outage_s']:.1f} s | {run['acknowledged']:,} | {run['lost']:,} "
            f"| {run['double_s']} s{excused} | {run['recovered_s']:.0f} s | {run['load']:.0f} | {verdict.replace('|', '/')} |")


def table(runs):
    runs = sorted(runs, key=lambda run: (run["mode"], run["times"]["ttl"], run["seed"], run["side"]))
    return "\n".join([HEAD, *map(row, runs)]) + "\n"


def tell(paths, write=None):
    text = table([json.loads(path.read_text()) for path in paths])
    if write:
        before = write.read_text().partition(MARK)[0]
        write.write_text(before + MARK + "\n" + text)
    else:
        print(text)
    return 0
