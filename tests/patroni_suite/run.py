#!/usr/bin/python3
"""Runs Patroni's own behave acceptance suite (features/*.feature) against ANY daemon and ctl.

Nothing of Patroni's is kept here: the suite is read from a clone at run time and copied to a
temporary directory; the copy gets ONE line appended to features/environment.py, which calls
install() below.  install() does not edit any step: the suite starts everything it tests through
subprocess.Popen([python, -m, coverage, run, ..., <script>, <args>]), so that call is rewritten:

    coverage run ... patroni.py <config>       ->  $DAEMON_CMD <config>
    coverage run ... patronictl.py <args>      ->  $CTL_CMD <args>
    coverage combine / coverage report         ->  true

Without DAEMON_CMD / CTL_CMD they are this tree's release build; `--daemon patroni.py --ctl patronictl.py` are
Patroni's own from the clone.

    run.py [options] [feature ...]       (feature: "basic_replication" or a path)

Output, on stdout:
    PASS|FAIL|SKIP  <seconds>  <feature>: <scenario>
    # lines starting with a hash explain the line above them
    N passed, M failed, K skipped
Exit status: 0 nothing failed, 1 something failed, 2 the harness itself could not run.
A scenario that was not reached (time limit, behave died) counts as failed.

Each feature runs in a supervisor process of its own: a child subreaper that ends every process
under it by pid when the feature is over, so nothing is left behind and nothing is ended by name.
As root, each supervisor also gets its own network and IPC namespace (loopback only) and then
becomes --user, so the suite's fixed ports (2379, 8008.., 5361..) collide with nothing and
features can run side by side (--jobs).  PostgreSQL refuses to run as root.
"""
import argparse
import glob
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from supervisor import PYTHON, busy_ports, can_enter_namespaces, supervise

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'build/release/bin/')
# Seconds that Python Patroni needs per feature. They only serve to start the long ones first with --jobs.
COST = {'basic_replication': 105, 'patroni_api': 95, 'dcs_failsafe_mode': 86, 'standby_cluster': 75,
        'frozen_patroni': 55, 'quorum_commit': 48, 'priority_failover': 44, 'permanent_slots': 38,
        'priority_sync': 36, 'ignored_slots': 28, 'nostream_node': 28, 'recovery': 31,
        'cascading_replication': 22, 'custom_bootstrap': 20, 'bootstrap_labels': 3}
SKIP_BY_DEFAULT = ('citus',)
# The suite's WAL archive is shared by all nodes and its archive script writes files in place, so a node
# that restores a segment while another one is archiving it gets half of it, and its PostgreSQL ends with
# 'archive file "..." has wrong size' (seen once in four runs of Python Patroni). Written first into the
# copied script, this makes shutil.copy rename a finished file into place; --raw-archive leaves it out.
ATOMIC_COPY = '''import os as _os
import shutil as _shutil
_copy = _shutil.copy


def _atomic_copy(source, target):
    temporary = '{0}.{1}.tmp'.format(target, _os.getpid())
    _copy(source, temporary)
    _os.rename(temporary, target)


_shutil.copy = _atomic_copy
'''


class Job:
    def __init__(self, feature, scenarios):
        self.feature, self.todo = feature, list(scenarios)
        self.pid = self.work = self.running = None
        self.offset, self.begin, self.limit_hit, self.failed = 0, 0, False, False

    def records(self):
        """New complete lines of the result file."""
        try:
            with open(os.path.join(self.work, 'results.jsonl')) as f:
                f.seek(self.offset)
                data = f.read()
        except FileNotFoundError:
            return []
        data = data[:data.rfind('\n') + 1]
        self.offset += len(data.encode())
        return [json.loads(line) for line in data.splitlines()]


class Report:
    def __init__(self, opt):
        self.count = {'PASS': 0, 'FAIL': 0, 'SKIP': 0}
        self.rows, self.opt = [], opt

    def line(self, job, verdict, seconds, name, notes=()):
        self.count[verdict] += 1
        job.failed |= verdict == 'FAIL'
        self.rows.append({'feature': job.feature, 'scenario': name, 'verdict': verdict,
                          'seconds': round(seconds, 1), 'notes': list(notes)})
        print('{0}  {1:6.1f}  {2}: {3}'.format(verdict, seconds, job.feature, name))
        if not self.opt.quiet:
            for note in notes:
                print('#             ' + note)
        sys.stdout.flush()

    def brief(self, error):
        lines = [x for x in (error or '').splitlines() if x.strip()]
        if lines and lines[0].startswith('Traceback'):  # the exception without its traceback
            lines = [x for x in lines if re.match(r'[\w.]+(Error|Exception)\b', x)][-1:] or lines[-1:]
        for i, x in enumerate(lines):
            if x.startswith(('Captured ', 'Traceback (of failed substep)')):
                lines = lines[:i]
                break
        return [x[:300] for x in lines[:self.opt.error_lines]]

    def take(self, job, rec):
        if rec['ev'] == 'start':
            job.running = rec['name'], time.time()
        elif rec['ev'] == 'scenario':
            job.running = None
            if rec['name'] in job.todo:
                job.todo.remove(rec['name'])
            verdict = {'passed': 'PASS', 'skipped': 'SKIP'}.get(rec['status'], 'FAIL')
            notes = []
            if verdict == 'FAIL':
                if rec['step'] is None and not rec['error']:
                    notes.append('not run: an earlier scenario of this feature failed')
                else:
                    notes.append('step: ' + str(rec['step']))
                    notes += self.brief(rec['error'])
            elif verdict == 'SKIP':
                notes.append('skipped by the suite: ' + str(rec['why']))
            self.line(job, verdict, rec['seconds'], rec['name'], notes)
        elif rec['ev'] == 'feature' and rec['hook_failed']:
            self.line(job, 'FAIL', 0, '(after the feature)', self.brief(rec['error']))
        elif rec['ev'] == 'harness':
            raise SystemExit('patroni_suite: ' + rec['error'])

    def finish(self, job, rc):
        for rec in job.records():
            self.take(job, rec)
        why = 'time limit' if job.limit_hit else 'behave ended with status {0}'.format(rc)
        for name in list(job.todo):
            seconds = time.time() - job.running[1] if job.running and job.running[0] == name else 0
            self.line(job, 'FAIL', seconds, name, ['not finished: ' + why if seconds else 'not reached: ' + why])
        if job.limit_hit or rc not in (0, 1):
            tail = open(os.path.join(job.work, 'behave.log'), errors='replace').read().splitlines()[-10:]
            for line in [] if self.opt.quiet else tail:
                print('#   behave| ' + line)


def command(text):
    """A command line as an argv list, its program as an absolute path; None for the clone's own."""
    argv = shlex.split(text or '')
    if argv in (['patroni.py'], ['patronictl.py']):
        return None
    if argv:
        found = shutil.which(argv[0]) if '/' not in argv[0] else os.path.abspath(argv[0])
        if not found or not os.path.exists(found):
            raise SystemExit('patroni_suite: no such program: ' + argv[0])
        argv[0] = found
        argv[1:] = [os.path.abspath(a) if '/' in a and os.path.exists(a) else a for a in argv[1:]]
    return argv or None


def parse_args():
    env = os.environ
    p = argparse.ArgumentParser(description='Patroni\'s own acceptance suite against any daemon and ctl.')
    p.add_argument('features', nargs='*', help='default: all but ' + ', '.join(SKIP_BY_DEFAULT))
    p.add_argument('--src', default=env.get('PATRONI_SRC', 'patroni'), help='clone of Patroni (PATRONI_SRC; default ./patroni)')
    p.add_argument('--daemon', default=env.get('DAEMON_CMD', BUILT + 'tamada'), help='started as "CMD config.yml" (DAEMON_CMD)')
    p.add_argument('--ctl', default=env.get('CTL_CMD', BUILT + 'tamadactl'), help='run as "CMD <patronictl arguments>" (CTL_CMD)')
    p.add_argument('--nodes', default='', metavar='REGEX', help='only these nodes run --daemon, the others Patroni\'s '
                   '(a mixed cluster), e.g. "[02]$"')
    p.add_argument('--set', action='append', default=[], metavar='KEY=VALUE', help='also in the configuration of each '
                   'node that runs --daemon, e.g. watchdog.guard=off')
    p.add_argument('--pg-bin', default=env.get('PG_BIN'), help='directory of initdb, postgres, ... (PG_BIN)')
    p.add_argument('--dcs', default=env.get('DCS', 'etcd3'), help='etcd3 (default) or etcd')
    p.add_argument('--time-limit', type=float, default=2400, help='seconds for everything (default 2400)')
    p.add_argument('--feature-limit', type=float, default=900, help='seconds for one feature (default 900)')
    p.add_argument('-j', '--jobs', type=int, default=1, help='features side by side; needs root')
    p.add_argument('--user', default='postgres', help='whom to become when started as root')
    p.add_argument('--no-netns', dest='netns', action='store_false', help='stay in the network namespace')
    p.add_argument('--no-tls', dest='tls', action='store_false', help='no certificates: plain http and libpq')
    p.add_argument('--raw-archive', dest='atomic_archive', action='store_false',
                   help='leave the suite\'s racy archive script as it is')
    p.add_argument('--ci', action='store_true', help='all waits times 5, as in Patroni\'s own CI')
    p.add_argument('--stop', action='store_true', help='end a feature at its first failed scenario')
    p.add_argument('--trace', action='store_true', help='record REST, ctl and DCS reads (with --logs)')
    p.add_argument('--logs', metavar='DIR', help='keep each failed feature\'s logs here (all with --trace)')
    p.add_argument('--all-logs', action='store_true', help='keep the logs of passed features too')
    p.add_argument('--json', metavar='FILE', help='write the results here too')
    p.add_argument('--pass-env', action='append', default=[], metavar='NAME', help='hand this variable on')
    p.add_argument('--error-lines', type=int, default=4, help='lines of each error to show')
    p.add_argument('-q', '--quiet', action='store_true', help='no explaining # lines')
    p.add_argument('-l', '--list', action='store_true', help='list features and scenarios, run nothing')
    opt = p.parse_args()
    opt.src = os.path.abspath(opt.src)
    available = {os.path.basename(f)[:-8]: f for f in sorted(glob.glob(opt.src + '/features/*.feature'))}
    if not available:
        raise SystemExit('patroni_suite: no features/*.feature in ' + opt.src)
    names = [re.sub(r'\.feature$', '', os.path.basename(f)) for f in opt.features]
    unknown = [n for n in names if n not in available]
    if unknown:
        raise SystemExit('patroni_suite: no such feature: ' + ', '.join(unknown))
    names = names or [n for n in available if n not in SKIP_BY_DEFAULT]
    opt.selected = {n: re.findall(r'^[ \t]*Scenario:[ \t]*(.*?)[ \t]*$', open(available[n]).read(), re.M)
                    for n in names}
    opt.daemon_argv, opt.ctl_argv = command(opt.daemon), command(opt.ctl)
    opt.started, root = 0, os.getuid() == 0
    opt.netns = opt.netns and root and can_enter_namespaces()
    if not root:
        opt.user = pwd.getpwuid(os.getuid()).pw_name
    if opt.jobs > 1 and not opt.netns:
        raise SystemExit('patroni_suite: --jobs needs root and namespaces: the suite\'s ports are fixed')
    if not opt.netns and not opt.list and busy_ports():
        # The suite would use a foreign etcd as its own and delete /service/ in it.
        raise SystemExit('patroni_suite: somebody listens on the suite\'s ports {0}; run as root to get a network '
                         'namespace'.format(busy_ports()))
    if not opt.pg_bin:
        found = sorted(glob.glob('/usr/lib/postgresql/*/bin'), key=lambda d: float(d.split('/')[4]))
        opt.pg_bin = found[-1] if found else ''
    for need in (opt.pg_bin + '/initdb', '/usr/bin/etcd', PYTHON):
        if not os.path.exists(need) and not (need.endswith('etcd') and shutil.which('etcd')):
            raise SystemExit('patroni_suite: missing ' + need)
    return opt


def need_modules():
    """The suite itself (not the daemon under test) is Python. Missing packages are reported at once."""
    code = 'import behave, psutil, yaml, dateutil, parse, urllib3, psycopg2'
    r = subprocess.run([PYTHON, '-c', code], stderr=subprocess.PIPE, universal_newlines=True)
    if r.returncode:
        raise SystemExit('patroni_suite: {0}(apt-get install python3-behave python3-psutil python3-yaml '
                         'python3-dateutil python3-urllib3 python3-psycopg2)'.format(r.stderr.splitlines()[-1] + ' '))


def prepare(opt):
    """Copies the part of the clone that the suite needs into a temporary directory."""
    opt.base = tempfile.mkdtemp(prefix='peer-', dir='/tmp')
    src = os.path.join(opt.base, 'src')
    os.makedirs(src)
    ignore = shutil.ignore_patterns('__pycache__', 'output', '*.pyc')
    for d in ('features', 'patroni'):
        shutil.copytree(os.path.join(opt.src, d), os.path.join(src, d), ignore=ignore)
    for f in glob.glob(opt.src + '/*.py') + glob.glob(opt.src + '/postgres?.yml'):
        shutil.copy(f, src)
    with open(os.path.join(src, 'features', 'environment.py'), 'a') as f:
        f.write('\n\n__import__("behave_side").install(globals())\n')
    for argv in (opt.daemon_argv, opt.ctl_argv):
        if argv and os.path.dirname(argv[0]) + '/' == BUILT:   # the user cannot read a checkout in /root
            guard = os.path.join(BUILT, 'tamada-guard')   # the daemon looks for these programs in its own folder
            if os.path.exists(guard):
                shutil.copy(guard, opt.base)
            argv[0] = shutil.copy(argv[0], opt.base)
    if opt.atomic_archive:
        script = os.path.join(src, 'features', 'archive-restore.py')
        with open(script) as f:
            text = f.read()
        with open(script, 'w') as f:
            f.write(ATOMIC_COPY + text)
    shutil.copy(os.path.join(HERE, 'behave_side.py'), opt.base)
    os.makedirs(os.path.join(opt.base, 'pycache'))
    own(opt, opt.base)


def own(opt, top):
    os.chmod(top, 0o755)
    if os.getuid() == 0:
        user = pwd.getpwnam(opt.user)
        for path, dirs, files in os.walk(top):
            for name in [''] + files:
                os.chown(os.path.join(path, name), user.pw_uid, user.pw_gid)


def start(opt, job):
    opt.started += 1
    job.work = os.path.join(opt.base, 'w{0}'.format(opt.started))
    os.makedirs(os.path.join(job.work, 't'))
    os.makedirs(os.path.join(job.work, 'trace'))
    shutil.copytree(opt.base + '/src/features', job.work + '/features')
    shutil.copy(opt.base + '/src/postgres0.yml', job.work)
    own(opt, job.work)
    job.begin = time.time()
    sys.stdout.flush()
    job.pid = os.fork()
    if not job.pid:
        supervise(opt, job.feature, job.work)


def keep_logs(opt, job):
    if not opt.logs or not (job.failed or opt.all_logs or opt.trace):
        return
    dest = os.path.join(opt.logs, job.feature)
    shutil.rmtree(dest, ignore_errors=True)
    os.makedirs(dest)
    for name in ('behave.log', 'plain.log', 'results.jsonl', 'trace', 'features/output'):
        path = os.path.join(job.work, name)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(dest, os.path.basename(name)), symlinks=True)
        elif os.path.exists(path):
            shutil.copy(path, dest)


def run(opt, report):
    pending = [Job(n, s) for n, s in opt.selected.items()]
    if opt.jobs > 1:
        pending.sort(key=lambda j: -COST.get(j.feature, 60))
    active, deadline = [], time.time() + opt.time_limit
    try:
        while pending or active:
            now = time.time()
            while pending and len(active) < opt.jobs and now < deadline:
                active.append(pending.pop(0))
                start(opt, active[-1])
            if now >= deadline:
                for job in pending:
                    for name in job.todo:
                        report.line(job, 'FAIL', 0, name, ['not reached: time limit'])
                pending = []
            for job in list(active):
                for rec in job.records():
                    report.take(job, rec)
                if not job.limit_hit and (now > deadline or now > job.begin + opt.feature_limit):
                    job.limit_hit = True
                    os.kill(job.pid, signal.SIGTERM)
                pid, status = os.waitpid(job.pid, os.WNOHANG)
                if pid:
                    job.pid = None
                    active.remove(job)
                    report.finish(job, os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status))
                    keep_logs(opt, job)
                    shutil.rmtree(job.work, ignore_errors=True)
            time.sleep(0.2)
    finally:
        for job in active:
            if job.pid:
                os.kill(job.pid, signal.SIGTERM)
        for job in active:
            if job.pid:
                os.waitpid(job.pid, 0)
                keep_logs(opt, job)


def main():
    opt = parse_args()
    if opt.list:
        for name, scenarios in opt.selected.items():
            print(name)
            for s in scenarios:
                print('    ' + s)
        return 0
    need_modules()
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: sys.exit(2))
    report = Report(opt)
    prepare(opt)
    try:
        run(opt, report)
    finally:
        shutil.rmtree(opt.base, ignore_errors=True)
        if opt.json:
            with open(opt.json, 'w') as f:
                json.dump(report.rows, f, indent=1)
    print('{PASS} passed, {FAIL} failed, {SKIP} skipped'.format(**report.count))
    return 1 if report.count['FAIL'] else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except SystemExit as e:
        if isinstance(e.code, str):
            print(e.code, file=sys.stderr)
            sys.exit(2)
        raise
