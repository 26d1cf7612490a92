#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""cellctl as a whole: with celld on a pretended kernel and a bus of its own, on terminals, and with ssh that is none.

usage: test-cellctl.py CELLCTL CELLD-SIMULATED CELLD-SIM
"""
import atexit
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

sys.path.append('/usr/lib/python3/dist-packages')  # of Debian's, for a python3 that is not
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

import tap
from tap import same

CELLCTL, CELLD, SIM = (str(Path(program).resolve()) for program in sys.argv[1:4])
BUS = Path(__file__).resolve().parent.parent / 'bus'
NOBODY = 65534

BUS_CONFIG = '''<busconfig><type>system</type><listen>unix:path={}/bus</listen><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>'''

SYSTEM = {'hypervisor_memory': {'phys': '0x3a000000', 'size': '6M'},
          'root_cell': {'cpus': '0-3', 'memory': [
              {'phys': '0x0', 'size': '928M', 'flags': ['read', 'write', 'execute', 'dma']},
              {'phys': '0x3a600000', 'size': '76M', 'flags': ['read', 'write', 'execute', 'dma']}]}}


def cell(cpu, address):
    return {'cpus': cpu, 'images': [{'string': 'program'}], 'memory': [
        {'phys': address, 'virt': 0, 'size': '1M', 'flags': ['read', 'write', 'execute', 'loadable']},
        {'virt': '0x100000', 'size': '4K', 'flags': ['read', 'write', 'comm-region']}]}


class Machine:
    """Folder, bus, daemon, and who plays the hardware."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='celld-test-'))
        atexit.register(shutil.rmtree, self.folder, True)
        self.folder.chmod(0o755)
        for name in 'sim', 'run', 'state', 'config/cells', 'bin':
            (self.folder / name).mkdir(parents=True)
        (self.folder / 'config/system.json').write_text(json.dumps(SYSTEM))
        (self.folder / 'config/cells/rtos.json').write_text(json.dumps(cell(3, '0x3a600000')))
        (self.folder / 'config/cells/gps.json').write_text(json.dumps(cell(2, '0x3a800000')))
        kept = {name: os.environ[name] for name in ('PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS') if name in os.environ}
        self.environment = {**kept, 'LC_ALL': 'C', 'TERM': 'xterm', 'LOG': str(self.folder / 'log'),
                            'PATH': f'{self.folder}/bin:{os.environ["PATH"]}',
                            'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={self.folder}/bus',
                            'CELLD_SIM': str(self.folder / 'sim'), 'CELLD_CONFIG_PATH': f'{self.folder}/config:{self.folder}/state',
                            'STATE_DIRECTORY': str(self.folder / 'state'),
                            'RUNTIME_DIRECTORY': str(self.folder / 'run')}

    def start(self):
        if not shutil.which('dbus-daemon'):
            return False
        config = self.folder / 'bus.conf'
        config.write_text(BUS_CONFIG.format(self.folder))
        self.spawn('dbus-daemon', f'--config-file={config}', '--nofork')
        self.wait(lambda: (self.folder / 'bus').exists())
        self.spawn(CELLD)
        self.wait(lambda: self.run('list').returncode == 0)
        self.spawn(SIM, 'run')
        return True

    def spawn(self, *command):
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        atexit.register(process.wait)
        atexit.register(process.terminate)

    def sim(self, *arguments):
        """Tell the hardware what to do."""
        subprocess.run([SIM, *arguments], env=self.environment, stdout=subprocess.DEVNULL, check=True)

    def wait(self, condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, 'took too long'
            time.sleep(0.02)

    def stub(self, name, text='exit 0'):
        """A program that writes down how it was called."""
        path = self.folder / 'bin' / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"$LOG"\n{text}\n')
        path.chmod(0o755)

    def calls(self):
        log = self.folder / 'log'
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def run(self, *arguments, **environment):
        return subprocess.run([CELLCTL, *arguments], env={**self.environment, **environment}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def terminal(self, *command, **environment):
        """What comes to a terminal."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, {**self.environment, **environment})
        shown = b''
        while True:
            try:
                part = os.read(fd, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
        os.close(fd)
        os.waitpid(pid, 0)
        return shown.decode().replace('\r\n', '\n')


MACHINE = Machine()
HAVE_DAEMON = MACHINE.start()


def need_daemon():
    if not HAVE_DAEMON:
        raise tap.Skip('no dbus-daemon')


def ctl(status, *arguments):
    """Output of a run that must end with this status."""
    done = MACHINE.run(*arguments)
    same((arguments, done.returncode, done.stderr if status == 0 else ''), (arguments, status, ''))
    return done.stdout


def properties(file):
    return set(re.findall(r'<property name="(\w+)"', (BUS / file).read_text()))


def test_usage():
    assert ctl(0, '--help').startswith('cellctl [OPTION...]')
    assert ctl(0, '--version').startswith('cellctl ')
    for wrong in (['nonsense'], ['--nonsense'], ['--json=x', 'list'], ['start'], ['define', 'gps'], ['list', 'gps'],
                  ['-n', 'x', 'status'], ['--interval=0', 'stats', 'gps'], ['define', '../gps', '/dev/null'],
                  ['hypervisor', 'explode']):
        ctl(1, *wrong)
    assert 'start' in MACHINE.run('strat').stderr


def test_host():
    MACHINE.stub('ssh', 'exit 9')
    MACHINE.stub('systemctl', 'exit 7')
    done = MACHINE.run('-H', 'me@there', 'list')
    same(done.returncode, 1)
    assert done.stderr.startswith('Cannot '), done.stderr
    call, = MACHINE.calls()
    assert call.startswith('ssh ') and ' me@there ' in call and call.endswith(' systemd-stdio-bridge'), call
    ctl(1, '--host=there', 'start', 'rtos')
    assert ' there ' in MACHINE.calls()[0]
    ctl(9, '-H', 'there', 'console', 'rtos')
    ctl(9, '-H', 'there', 'logs', '-n', '5', 'rtos')
    ctl(7, '-H', 'there', 'enable', '--now', 'rtos')
    same([call for call in MACHINE.calls() if 'systemd-stdio-bridge' not in call],
         ['ssh -- there cellctl console rtos', 'ssh -- there journalctl -u cell@rtos.service -n5 --no-pager',
          'systemctl enable --now -H there cell@rtos.service'])
    for verb in 'console', 'logs', 'enable':
        ctl(1, '-H', 'there', verb, 'rtos; reboot')
    same(MACHINE.calls(), [])


def test_exit_status():
    need_daemon()
    ctl(3, 'hypervisor')
    ctl(3, 'status', 'gps')
    ctl(0, 'hypervisor', 'enable', '--no-unit')
    ctl(0, 'hypervisor')
    ctl(0, 'start', '--no-unit', 'rtos')
    ctl(1, 'start', '--no-unit', 'rtos')
    ctl(0, 'status', 'rtos')
    ctl(3, 'status', 'rtos', 'gps')
    ctl(3, 'stop', '--no-unit', 'gps')
    ctl(3, 'stats', 'gps')
    MACHINE.stub('systemctl', 'exit 0')
    MACHINE.stub('journalctl', 'exit 0')
    for verb in ('status', 'show', 'start', 'stop', 'restart', 'create', 'destroy', 'reset-failed', 'console', 'stats', 'cat',
                 'enable', 'logs'):
        ctl(4, verb, 'nobody')
    ctl(4, 'enable', 'gps', 'nobody')
    same(MACHINE.calls(), [])
    ctl(0, 'disable', 'nobody')  # an instance of it may be enabled
    ctl(0, 'logs', 'gps')
    same(MACHINE.calls(), ['systemctl disable cell@nobody.service', 'journalctl -u cell@gps.service'])
    (MACHINE.folder / 'bin/journalctl').unlink()
    ctl(4, 'status', 'rtos', 'gps', 'nobody')


def test_no_block():
    need_daemon()
    ctl(0, 'stop', '--no-unit', 'rtos')
    MACHINE.sim('delay', '1000000')
    try:
        ctl(0, 'start', '--no-unit', '--no-block', 'rtos')
        same(ctl(0, 'show', '--value', '-p', 'State,Operation', 'rtos'), 'starting\nstart\n')
        ctl(4, 'start', '--no-unit', '--no-block', 'nobody')
        ctl(1, 'start', '--no-unit', '--no-block', 'rtos')
    finally:
        MACHINE.sim('delay', '0')
    MACHINE.wait(lambda: ctl(0, 'show', '-P', 'State', 'rtos') == 'running\n')


def test_json_has_properties():
    need_daemon()
    of_cells, of_manager = properties('org.jailhouse.Cell.xml'), properties('org.jailhouse.Cell.Manager.xml')
    same(set(json.loads(ctl(0, 'show', '--json=short', 'rtos'))), of_cells)
    same(set(json.loads(ctl(0, 'show', '--json=pretty'))), of_manager)
    same(set(json.loads(ctl(0, 'hypervisor', '--json=short'))), of_manager)
    cells = json.loads(ctl(0, 'list', '--json=short'))
    same([entry['Name'] for entry in cells], ['gps', 'rtos'])
    assert set(cells[0]) < of_cells, cells[0]
    same(set(json.loads(ctl(0, 'status', '--json=short', 'rtos'))[0]), of_cells)
    assert json.loads(ctl(0, 'show', '--json=short', '-p', 'State', 'rtos')) == {'State': 'running'}
    assert 'vmexits_total' in json.loads(ctl(0, 'stats', '--json=short', 'rtos'))
    same(ctl(0, 'list', '--json=short').count('\n'), 1)


def test_show():
    need_daemon()
    same(ctl(0, 'show', '-P', 'State', 'rtos'), 'running\n')
    same(ctl(0, 'show', '--value', '--property=Name,State', 'rtos'), 'rtos\nrunning\n')
    same(ctl(0, 'show', '-p', 'Name', '-p', 'State', 'rtos'), 'Name=rtos\nState=running\n')


def test_list():
    need_daemon()
    same(ctl(0).splitlines()[0].split()[:3], ['CELL', 'STATE', 'HEALTH'])
    assert ctl(0).endswith('\n2 cells listed.\n')
    same([line.split()[0] for line in ctl(0, 'list', '--no-legend').splitlines()], ['gps', 'rtos'])


def test_metrics():
    need_daemon()
    lines = ctl(0, 'metrics').splitlines()
    same(lines[-1], '# EOF')
    for line in ('celld_hypervisor_state{state="enabled"} 1', 'celld_cell_state{cell="rtos",state="running"} 1',
                 'celld_cell_state{cell="gps",state="defined"} 1', 'celld_cell_restarts_total{cell="rtos"} 0'):
        assert line in lines, line
    assert any(line.startswith('celld_cell_vm_exits_by_cause_total{cell="rtos",') for line in lines)


def test_metrics_are_openmetrics():
    need_daemon()
    if not text_string_to_metric_families:
        raise tap.Skip('no python3-prometheus-client')
    families = {family.name: family for family in text_string_to_metric_families(ctl(0, 'metrics'))}
    same({family.type for family in families.values()}, {'gauge', 'counter'})
    assert all(family.documentation for family in families.values())
    state, = (sample.labels['state'] for sample in families['celld_cell_state'].samples
              if sample.labels['cell'] == 'rtos' and sample.value)
    same(state, 'running')
    same({sample.labels['cell'] for sample in families['celld_cell_restarts'].samples}, {'gps', 'rtos'})


def test_define():
    need_daemon()
    file = MACHINE.folder / 'new.json'
    file.write_text(json.dumps(cell(1, '0x3aa00000')))
    done = MACHINE.run('define', 'new', str(file))
    if 'Unknown method' in done.stderr:
        raise tap.Skip('celld has no DefineCell')
    if re.search(r'read-only|permission|not permitted|No such file', done.stderr, re.IGNORECASE):
        raise tap.Skip(f'celld cannot write where it keeps configurations: {done.stderr.strip()}')
    same((done.returncode, done.stderr), (0, ''))
    try:
        same(ctl(0, 'show', '-P', 'State', 'new'), 'defined\n')
        same(json.loads(ctl(0, 'cat', 'new'))['cpus'] in (1, '1'), True)
        file.write_text('{')
        assert '1:' in MACHINE.run('define', 'new', str(file)).stderr
        same(json.loads(ctl(0, 'cat', 'new'))['cpus'] in (1, '1'), True)
    finally:
        ctl(0, 'undefine', 'new')
    ctl(4, 'undefine', 'new')


def test_hostile_cell():
    """What a cell writes into its page comes to no terminal as it is, and no number of it does any harm."""
    need_daemon()
    number = int(ctl(0, 'show', '-P', 'Id', 'rtos'))
    MACHINE.sim('behave', 'rtos', '1')
    page = os.open(MACHINE.folder / 'sim/state', os.O_WRONLY)
    text = (b'\x1b]0;owned\x07\x1b[2J\x1b[31m\xc2\x9b31m\r\n\x7f\xff\t' * 9)[:104]
    for counter in 2**64 - 1, 5, 0, 2**63:
        block = struct.pack('<IIQII', 0x31544248, 2**32 - 1, counter, 2**32 - 1, 0xdeadbeef) + text
        os.pwrite(page, block, number * 4096 + 0x800)
        time.sleep(0.1)
        shown = json.loads(ctl(0, '--json=short', 'show', 'rtos'))
        same((shown['State'], shown['Health'] in ('ok', 'none'), shown['HeartbeatCount'], shown['StatusCode']),
             ('running', True, counter, 0xdeadbeef))
        same(len(shown['StatusText']), 104)
        assert shown['HeartbeatIntervalUSec'] <= 3600 * 10**6, shown['HeartbeatIntervalUSec']
        for arguments in (['status', 'rtos'], ['status'], ['show', 'rtos'], ['list'], ['metrics'], ['--json=short', 'show', 'rtos'],
                          ['--json=pretty', 'status', 'rtos']):
            shown = MACHINE.terminal(CELLCTL, '--no-pager', *arguments, NO_COLOR='1')
            assert not re.search('[^\n -~]', shown), (arguments, shown)
    os.close(page)
    MACHINE.sim('behave', 'rtos', '0')


def test_colours():
    need_daemon()
    green = '\x1b[0;1;32mrunning\x1b[0m'
    assert green in MACHINE.terminal(CELLCTL, '--no-pager')
    for environment in ({'NO_COLOR': '1'}, {'SYSTEMD_COLORS': '0'}, {'TERM': 'dumb'}):
        shown = MACHINE.terminal(CELLCTL, '--no-pager', **environment)
        assert 'running' in shown and '\x1b' not in shown, (environment, shown)
    assert green in MACHINE.terminal(CELLCTL, '--no-pager', NO_COLOR='1', SYSTEMD_COLORS='1')
    assert green in MACHINE.run(SYSTEMD_COLORS='1').stdout
    assert '\x1b' not in MACHINE.run().stdout


class Screen:
    """A program on a terminal, and what the terminal shows."""

    def __init__(self, *command, lines=24):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**MACHINE.environment, 'NO_COLOR': '1'})
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack('4H', lines, 80, 0, 0))
        self.output = ''

    def shows(self, *patterns):
        """Wait for a whole screen, drawn since the last key, that has all these; return its lines."""
        end = time.monotonic() + 30
        while True:
            whole = re.findall('\x1b\\[H(.*?)\x1b\\[J', self.output.replace('\x1b[K', ''), re.DOTALL)
            for screen in whole:
                if all(re.search(pattern, screen, re.MULTILINE) for pattern in patterns):
                    return screen.splitlines()
            assert time.monotonic() < end, self.output[-2000:]
            if select.select([self.terminal], [], [], 1)[0]:
                self.output += os.read(self.terminal, 4096).decode().replace('\r\n', '\n')

    def key(self, key):
        self.output = ''
        os.write(self.terminal, key.encode())

    def flags(self):
        return termios.tcgetattr(self.terminal)[3] & (termios.ICANON | termios.ECHO)

    def status(self):
        """Exit status, once it has ended by itself."""
        try:
            while part := os.read(self.terminal, 4096):
                self.output += part.decode()
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_stats():
    need_daemon()
    file = MACHINE.folder / 'config/cells/pair.json'
    file.write_text(json.dumps(cell('1-2', '0x3aa00000')))
    try:
        ctl(0, 'reload')
        ctl(0, 'start', '--no-unit', 'pair')
        MACHINE.sim('count', '1', '10')
        MACHINE.sim('count', '2', '20')
        sums, one = (json.loads(ctl(0, 'stats', '--json=short', *options, 'pair')) for options in ([], ['--cpu=2']))
        same(list(sums), [f'vmexits_{name}' for name in ('total', 'mmio', 'management', 'hypercall', 'pio', 'xapic', 'cr', 'cpuid',
                                                         'xsetbv', 'exception', 'msr_other', 'msr_x2apic_icr')])
        same((sums['vmexits_total'], sums['vmexits_pio'], one['vmexits_total'], one['vmexits_pio']), (330, 30, 220, 20))
        same(ctl(0, 'stats', '--no-legend', '--cpu=1', 'pair').splitlines()[1].split(), ['vmexits_mmio', '10'])
        assert 'has no CPU 3' in MACHINE.run('stats', '--cpu=3', 'pair').stderr
        ctl(1, 'stats', '--cpu=x', 'pair')
        show_live()
    finally:
        MACHINE.run('stop', '--no-unit', '--force', 'pair')
        file.unlink()
        ctl(0, 'reload')


def show_live():
    screen = Screen(CELLCTL, '--interval=50ms', 'stats', 'pair')
    lines = screen.shows('^pair, all CPUs', '^vmexits_total +330 +0$')
    same(lines[2].split(), ['COUNTER', 'SUM', 'PER', 'SEC'])
    same(screen.flags(), 0)
    MACHINE.sim('count', '1', '100000')
    screen.shows('^vmexits_pio +100030 +[1-9]')  # the rate is there
    screen.shows('^vmexits_pio +100030 +0$')     # and gone again
    screen.key('c')
    screen.shows('^pair, CPU 1 ', '^vmexits_pio +100010 ')
    screen.key('c')
    screen.shows('^pair, CPU 2 ', '^vmexits_pio +20 ')
    screen.key('c')
    screen.shows('^pair, CPU 1 ')
    screen.key('x')
    screen.shows('^pair, CPU 1 ')
    screen.key('a')
    screen.shows('^pair, all CPUs')
    fcntl.ioctl(screen.terminal, termios.TIOCSWINSZ, struct.pack('4H', 6, 80, 0, 0))
    screen.shows(r'\A(.*\n){5}\Z', '^pair', '^vmexits_mmio ')
    screen.key('q')
    same(screen.status(), 0)
    assert screen.output.endswith('\x1b[?7h\x1b[?25h'), screen.output[-40:]

    screen = Screen(CELLCTL, '--interval=50ms', 'stats', '--cpu=2', 'pair')
    screen.shows('^pair, CPU 2 ')
    screen.key('\x03')
    same(screen.status(), 0)

    screen = Screen(CELLCTL, '--interval=50ms', 'stats', 'pair')
    screen.shows('^pair, all CPUs')
    ctl(0, 'stop', '--no-unit', 'pair')
    same(screen.status(), 3)
    assert 'Cannot read the counters of pair' in screen.output, screen.output[-200:]


def test_pager():
    need_daemon()
    mark = 'sed s/^/paged:/'
    assert 'paged:rtos' in MACHINE.terminal(CELLCTL, NO_COLOR='1', SYSTEMD_PAGER=mark)
    assert 'paged:rtos' in MACHINE.terminal(CELLCTL, NO_COLOR='1', PAGER=mark)
    for arguments, environment in ((['--no-pager'], {'SYSTEMD_PAGER': mark}), ([], {'SYSTEMD_PAGER': '', 'PAGER': mark}),
                                   ([], {'SYSTEMD_PAGER': 'cat', 'PAGER': mark}), (['--json=short'], {'PAGER': mark})):
        shown = MACHINE.terminal(CELLCTL, *arguments, **environment)
        assert 'rtos' in shown and 'paged:' not in shown, (arguments, environment, shown)
    assert 'paged:' not in MACHINE.run(SYSTEMD_PAGER=mark).stdout


def test_agent():
    need_daemon()
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        raise tap.Skip('needs root and setpriv, to be somebody else')
    MACHINE.stub('pkttyagent')
    program = shutil.copy(CELLCTL, MACHINE.folder)
    nobody = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', program]
    log = MACHINE.folder / 'agent.log'

    def agents(*arguments):
        log.write_text('')
        log.chmod(0o666)
        shown = MACHINE.terminal(*nobody, *arguments, LOG=str(log))
        return log.read_text().splitlines(), shown

    calls, shown = agents('restart', '--no-unit', 'rtos')
    assert len(calls) == 1 and re.fullmatch(r'pkttyagent --notify-fd \d+ --fallback', calls[0]), calls
    assert 'Cannot restart rtos' in shown, shown
    same(agents('--no-ask-password', 'restart', '--no-unit', 'rtos')[0], [])
    same(agents('list')[0], [])
    MACHINE.terminal(CELLCTL, 'reset-failed', 'rtos')
    same(MACHINE.calls(), [])


if __name__ == '__main__':
    tap.run(dict(globals()))
