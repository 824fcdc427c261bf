"""The part that runs inside the behave process. It replaces the programs that the suite starts, and writes finished scenarios as
JSON lines."""
import json
import os
import re
import subprocess
import sys
import time


def install(ns):
    """Called from the line appended to the copied features/environment.py, with its globals."""
    cfg = json.loads(os.environ.pop('PEER_SUITE'))
    for name in ('PYTHONPATH', 'PYTHONPYCACHEPREFIX') if cfg['daemon'] else ('PYTHONPATH',):
        os.environ.pop(name, None)
    target = {'patroni.py': cfg['daemon'], 'patronictl.py': cfg['ctl']}
    popen_init = subprocess.Popen.__init__

    def rewrite(argv):
        if not isinstance(argv, (list, tuple)):
            return argv
        argv = list(argv)
        if argv[:1] == ['openssl'] and not cfg['tls']:
            return ['false']  # the suite then runs without certificates, over plain HTTP
        if argv[1:3] != ['-m', 'coverage']:
            return argv
        if argv[3] != 'run':
            return ['true']
        rest = argv[4:]
        while rest and rest[0].startswith('-'):
            rest.pop(0)
        script = os.path.basename(rest[0])
        if script == 'patroni.py' and not re.search(cfg['nodes'], os.path.basename(rest[1])[:-4]):
            script = 'patroni.py of the clone'  # in a mixed cluster this node keeps running Patroni
        if target.get(script) and script == 'patroni.py':
            _set_in_file(rest[1], cfg['set'])
        return (target.get(script) or
                [sys.executable, os.path.join(cfg['src'], os.path.basename(rest[0]))]) + rest[1:]

    def init(self, args, *rest, **kwargs):
        popen_init(self, rewrite(args), *rest, **kwargs)

    subprocess.Popen.__init__ = init
    if cfg['trace']:
        _install_trace(ns, cfg['trace'])


def _set_in_file(path, settings):
    """Puts the settings of --set (dotted key -> value) into a node's configuration."""
    if not settings:
        return
    import yaml
    with open(path) as f:
        config = yaml.safe_load(f)
    for key, value in settings.items():
        *sections, last = key.split('.')
        section = config
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = yaml.safe_load(value)
    with open(path, 'w') as f:
        yaml.safe_dump(config, f, default_flow_style=False)


def _install_trace(ns, directory):
    """Record every REST request, ctl call and DCS read the suite makes, as JSON lines."""
    def log(what, **rec):
        with open(os.path.join(directory, what + '.jsonl'), 'a') as f:
            f.write(json.dumps(dict(rec, t=round(time.time(), 2)), default=str) + '\n')

    def text(data):
        return data.decode('utf-8', 'replace') if isinstance(data, bytes) else data

    check_output = subprocess.check_output

    def traced_output(cmd, *args, **kwargs):
        try:
            out, rc = check_output(cmd, *args, **kwargs), 0
            return out
        except subprocess.CalledProcessError as e:
            out, rc = e.output, e.returncode
            raise
        finally:
            if isinstance(cmd, list) and 'patronictl.py' in cmd:
                log('ctl', argv=cmd[cmd.index('patronictl.py'):], rc=rc, output=text(out))

    before_all = ns['before_all']

    def traced_before_all(context):
        before_all(context)
        log('env', **{k: v for k, v in os.environ.items() if k.startswith('PATRONI_')})
        request, query = context.request_executor.request, context.dcs_ctl.query

        def traced_request(method, url, body=None, **kwargs):
            try:
                r = request(method, url, body, **kwargs)
            except Exception as e:
                log('rest', method=method, url=url, body=body, error=repr(e))
                raise
            log('rest', method=method, url=url, body=body, status=r.status,
                headers=dict(r.headers), response=text(r.data))
            return r

        def traced_query(key, *args, **kwargs):
            value = query(key, *args, **kwargs)
            log('dcs', key=key, args=args, kwargs=kwargs, value=value)
            return value

        context.request_executor.request, context.dcs_ctl.query = traced_request, traced_query

    subprocess.check_output, ns['before_all'] = traced_output, traced_before_all


try:
    from behave.formatter.base import Formatter
except ImportError:  # reported by main()
    Formatter = object


class ScenarioLines(Formatter):
    """behave formatter: one JSON line per finished scenario, and one per finished feature."""
    name = 'patroni-suite-scenario-lines'

    def __init__(self, stream_opener, config):
        super().__init__(stream_opener, config)
        self.stream = self.open()
        self._feature = self._scenario = self._step = self._error = None

    def feature(self, feature):
        self._feature = feature

    def scenario(self, scenario):
        self._finish()
        self._scenario, self._step, self._error = scenario, None, None
        self._write({'ev': 'start', 'name': scenario.name})

    def result(self, step):
        if step.status.name in ('failed', 'undefined') and self._step is None:
            self._step = '{0} {1}'.format(step.keyword, step.name)
            self._error = step.error_message or step.status.name

    def _finish(self):
        if self._scenario is not None:
            s = self._scenario
            status = s.status.name
            if s.hook_failed:
                status, self._error = 'failed', s.error_message
            self._write({'ev': 'scenario', 'name': s.name, 'status': status,
                         'seconds': s.duration, 'step': self._step,
                         'error': self._error, 'why': s.skip_reason or self._feature.skip_reason})
        self._scenario = None

    def eof(self):
        self._finish()
        self._write({'ev': 'feature', 'hook_failed': bool(self._feature.hook_failed),
                     'error': self._feature.error_message})

    def _write(self, rec):
        self.stream.write(json.dumps(rec) + '\n')
        self.stream.flush()
