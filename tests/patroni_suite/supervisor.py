"""Runs one feature: behave in its own process and, as root, in its own namespaces. All its descendants are ended by pid."""
import ctypes
import json
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
import time

PYTHON = '/usr/bin/python3'
PASS_ENV = ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS', 'MSAN_OPTIONS',
            'LD_LIBRARY_PATH', 'LD_PRELOAD', 'LLVM_PROFILE_FILE', 'GCOV_PREFIX', 'GCOV_PREFIX_STRIP')
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWNET = 0x20000, 0x8000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def enter_namespaces(libc):
    """Creates a new network (loopback only), IPC namespace and /dev/shm. Returns an error text or None."""
    if libc.unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) != 0:
        return 'unshare: ' + os.strerror(ctypes.get_errno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        import fcntl
        fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x1 | 0x40))  # SIOCSIFFLAGS: UP|RUNNING
    if libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None) == 0:
        libc.mount(b'peer', b'/dev/shm', b'tmpfs', 0, None)
    return None


def can_enter_namespaces():
    pid = os.fork()
    if not pid:
        try:
            os._exit(1 if enter_namespaces(ctypes.CDLL(None, use_errno=True)) else 0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def busy_ports():
    """The suite's fixed ports on which some process listens."""
    busy = []
    for port in [2379, 2380] + list(range(8008, 8013)) + list(range(5361, 5366)):
        with socket.socket() as s:
            if s.connect_ex(('127.0.0.1', port)) == 0:
                busy.append(port)
    return busy


def end_descendants():
    """End all remaining descendants by pid: postmasters by an orderly shutdown, the others at once."""
    import psutil
    me = psutil.Process()
    for attempt in range(40):
        left = me.children(recursive=True)
        if not left:
            break
        for p in left:
            try:
                postmaster = p.name() == 'postgres' and p.parent() and p.parent().name() != 'postgres'
                if p.status() == psutil.STATUS_ZOMBIE:
                    continue
                if p.name() != 'postgres':
                    p.kill()
                elif attempt > 20:
                    p.kill()
                elif postmaster:
                    p.send_signal(signal.SIGCONT)
                    p.send_signal(signal.SIGQUIT)
            except psutil.Error:
                pass
        reap()
        time.sleep(0.25)
    reap()


def wait_reaping(pid):
    """Wait for pid and, as the subreaper of all descendants, reap every orphan at once. A dead
    postmaster left as a zombie would look alive to the daemon under test."""
    while True:
        done, status = os.waitpid(-1, 0)
        if done == pid:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def supervise(opt, feature, work):
    """Runs in a forked child and never returns."""
    libc = ctypes.CDLL(None, use_errno=True)
    log = open(os.path.join(work, 'behave.log'), 'w')
    rc = 3
    try:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if opt.netns:
            err = enter_namespaces(libc)
            if err:
                raise RuntimeError(err)
        if os.getuid() == 0:
            user = pwd.getpwnam(opt.user)
            os.initgroups(opt.user, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, lambda *_: sys.exit(4))
        for cmd in (opt.daemon_argv, opt.ctl_argv):
            if cmd and not os.access(cmd[0], os.X_OK):
                raise RuntimeError('{0} cannot be executed by user {1}'.format(cmd[0], opt.user))

        tmp = os.path.join(work, 't')
        trace = os.path.join(work, 'trace') if opt.trace else None
        env = {'PATH': opt.pg_bin + ':/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', 'LANG': 'C.UTF-8',
               'HOME': tmp, 'TMPDIR': tmp, 'DCS': opt.dcs, 'USER': opt.user, 'LOGNAME': opt.user,
               'PYTHONPATH': opt.base + ':' + opt.base + '/src', 'PYTHONUNBUFFERED': '1',
               'PYTHONPYCACHEPREFIX': os.path.join(opt.base, 'pycache'),
               'PATRONICTL_COMPAT': '1',  # the suite expects patronictl's exit status
               'PEER_SUITE': json.dumps({'daemon': opt.daemon_argv, 'ctl': opt.ctl_argv, 'tls': opt.tls,
                                         'src': opt.base + '/src', 'trace': trace, 'nodes': opt.nodes,
                                         'set': dict(item.split('=', 1) for item in opt.set)})}
        if opt.ci:
            env['GITHUB_ACTIONS'] = 'true'  # the suite multiplies all its waits by 5
        env.update({k: os.environ[k] for k in PASS_ENV + tuple(opt.pass_env) if k in os.environ})
        argv = [PYTHON, '-m', 'behave', '--no-color', '--no-summary', '--format', 'behave_side:ScenarioLines',
                '--outfile', os.path.join(work, 'results.jsonl')]
        argv += ['--format', 'plain', '--outfile', os.path.join(work, 'plain.log')]
        argv += ['--stop'] if opt.stop else []
        behave = subprocess.Popen(argv + [os.path.join('features', feature + '.feature')], cwd=work, env=env,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        rc = wait_reaping(behave.pid)
    except Exception as e:
        with open(os.path.join(work, 'results.jsonl'), 'a') as f:
            f.write(json.dumps({'ev': 'harness', 'error': str(e)}) + '\n')
    except SystemExit as e:
        rc = e.code
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            end_descendants()
        finally:
            os._exit(rc if 0 <= rc < 128 else 5)
