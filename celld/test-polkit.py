#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How celld asks polkit: what for, what it makes of the answer, and what becomes of it when polkit or the caller is gone.

usage: test-polkit.py BUILD-FOLDER
"""
import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import tap
from tap import same

sys.path.insert(0, str(Path(__file__).resolve().parent / 'sim'))

from world import World, wait_for

NAME, ROOT = 'org.jailhouse.Cell', '/org/jailhouse/Cell'
MANAGER, ACTION = f'{NAME}.Manager', f'{NAME}.'
ERROR = 'org.freedesktop.DBus.Error.'
DENIED, CHALLENGE, LIMITS = 'AccessDenied', 'InteractiveAuthorizationRequired', 'LimitsExceeded'
CALLS_OF_A_USER = 32


def user_of(uid):
    """What comes before a command so that this user runs it."""
    return ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups']


STRANGER = user_of(65534)


def cell(name):
    return json.dumps({'name': name, 'architecture': 'x86', 'cpus': '1', 'memory': [
        {'phys': '0x3a600000', 'virt': 0, 'size': '1M', 'flags': ['read', 'write', 'execute', 'loadable']},
        {'virt': '0x100000', 'size': '4K', 'flags': ['read', 'write', 'comm-region']}]})


class Machine(World):
    """The world, and a polkit that is none."""

    def __init__(self, build):
        folder = tempfile.TemporaryDirectory(prefix='test-polkit-')
        super().__init__(build, folder.name)
        atexit.register(folder.cleanup)
        atexit.register(self.close)
        for name in 'rtos', 'other':
            self.define(name, cell(name))
        (self.folder / 'etc/system.json').write_text(json.dumps({
            'hypervisor_memory': {'phys': '0x3a000000', 'size': '6M'}, 'root_cell': {'cpus': '0-3', 'memory': [
                {'phys': '0x3a600000', 'size': '76M', 'flags': ['read', 'write', 'execute', 'dma']}]}}))
        self.questions = self.folder / 'questions'
        self.start_all()
        self.start_polkit()
        same(self.call('EnableHypervisor', 'uint64:4', user=0), '')

    def start_polkit(self):
        self.polkit = self.start('sim/sim-polkit', stdout=open(self.questions, 'w'))
        wait_for(lambda: self.owner_of('org.freedesktop.PolicyKit1'))

    def owner_of(self, name):
        return subprocess.run(['busctl', '--system', 'status', name], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def answer(self, word):
        """What polkit says from now on; forgets what it was asked."""
        (self.folder / 'polkit').write_text(word)
        os.truncate(self.questions, 0)

    def asked(self):
        return self.questions.read_text().replace('\0', '').splitlines()

    def begin(self, method, *arguments, user=65534, path=ROOT, interface=MANAGER):
        """A call of a user that may take its time."""
        return subprocess.Popen([*(user_of(user) if user else []), 'dbus-send', '--system', f'--dest={NAME}', '--print-reply=literal',
                                 '--reply-timeout=60000', path, f'{interface}.{method}', *arguments],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def call(self, *arguments, **options):
        return outcome(self.begin(*arguments, **options))


def outcome(call):
    """Name of the error without what all have in common; '' if there was none."""
    said = call.communicate()[0]
    error = re.match(r'Error ([\w.]+)', said)
    assert call.returncode == 0 or error, said
    return error[1].removeprefix(ERROR).removeprefix(f'{NAME}.Error.') if error else ''


def interactive(call):
    """busctl sets the flag unless told otherwise."""
    return subprocess.run([*STRANGER, 'busctl', '--system', *call, 'call', NAME, ROOT, MANAGER, 'StopCell', 'st', 'rtos', '0'], capture_output=True).returncode


machine = None


def test_answers():
    for word, wanted in ('no', DENIED), ('challenge', CHALLENGE), ('yes', ''):
        machine.answer(word)
        same(machine.call('StartCell', 'string:rtos', 'uint64:0'), wanted)
        same(machine.asked(), [f'system-bus-name {ACTION}manage-cells cell=rtos verb=Start flags=0'])
    same(machine.call('StopCell', 'string:rtos', 'uint64:0'), '')


def test_who_is_asked_about():
    machine.answer('no')
    same(machine.call('StopCell', 'string:rtos', 'uint64:4'), DENIED)
    same(machine.call('Supervise', 'string:rtos', 'dict:string:string:'), 'InvalidArgs')
    same(machine.call('StartCell', 'string:nobody', 'uint64:0'), 'NoSuchCell')
    same(machine.call('ResetFailedCell', 'string:rtos', user=0), '')
    same(machine.asked(), [])


def test_actions():
    machine.answer('no')
    rtos, flags = 'string:rtos', 'uint64:0'
    for action, details, method, *arguments in [
            ('manage-cells', 'cell=rtos verb=Stop', 'StopCell', rtos, flags),
            ('manage-cells', 'cell=rtos verb=Restart', 'RestartCell', rtos, flags),
            ('manage-cells', 'cell=rtos verb=ResetFailed', 'ResetFailedCell', rtos),
            ('manage-cells', 'cell=rtos verb=CreateCell', 'CreateCell', rtos, flags),
            ('manage-cells', 'cell=rtos verb=DestroyCell', 'DestroyCell', rtos, flags),
            ('define-cells', 'cell=new verb=DefineCell', 'DefineCell', 'string:new', 'string:{}', flags),
            ('define-cells', 'cell=rtos verb=UndefineCell', 'UndefineCell', rtos, flags),
            ('define-cells', 'verb=Reload', 'Reload'),
            ('manage-hypervisor', 'verb=EnableHypervisor', 'EnableHypervisor', flags),
            ('manage-hypervisor', 'verb=DisableHypervisor', 'DisableHypervisor', flags)]:
        machine.answer('no')
        same((method, machine.call(method, *arguments)), (method, DENIED))
        same(machine.asked(), [f'system-bus-name {ACTION}{action} {details} flags=0'])
    machine.answer('no')
    same(machine.call('OpenConsole', flags, path=f'{ROOT}/cell/rtos', interface=NAME), DENIED)
    same(machine.asked(), [f'system-bus-name {ACTION}read-console cell=rtos verb=OpenConsole flags=0'])


def test_interactive_only_if_asked_for():
    machine.answer('no')
    interactive([])
    interactive(['--allow-interactive-authorization=false'])
    same([question.split()[-1] for question in machine.asked()], ['flags=1', 'flags=0'])


def test_cell_is_looked_up_again():
    machine.define('third', cell('third'))
    same(machine.call('Reload', user=0), '')
    machine.answer('wait')
    call = machine.begin('StartCell', 'string:third', 'uint64:0')
    assert wait_for(machine.asked)
    (machine.folder / 'etc/cells/third.json').unlink()
    same(machine.call('Reload', user=0), '')
    machine.polkit.send_signal(10)
    same(outcome(call), 'NoSuchCell')


def calls_of(user, n):
    """Many calls at a time."""
    return [machine.begin('ResetFailedCell', 'string:rtos', user=user) for _ in range(n)]


def test_limit_of_a_user():
    machine.answer('wait')
    calls = calls_of(65534, CALLS_OF_A_USER + 8)
    assert wait_for(lambda: sum(call.poll() is not None for call in calls) == 8)
    same({outcome(call) for call in calls if call.poll() is not None}, {LIMITS})
    other = machine.begin('ResetFailedCell', 'string:other', user=1)
    same(machine.call('ResetFailedCell', 'string:rtos', user=0), '')
    assert wait_for(lambda: len(machine.asked()) == CALLS_OF_A_USER + 1)
    machine.polkit.send_signal(10)
    same(outcome(other), '')
    same([outcome(call) for call in calls if call.returncode is None], [''] * CALLS_OF_A_USER)


def test_limit_of_bytes():
    machine.answer('wait')
    file = machine.folder / 'large.json'
    file.write_text('nonsense' + ' ' * (3 << 20))
    calls = [subprocess.Popen([*STRANGER, machine.build / 'cellctl', '--no-ask-password', 'define', 'new', file],
                              stderr=subprocess.PIPE, text=True) for _ in range(5)]
    assert wait_for(lambda: len(machine.asked()) == 2 and sum(call.poll() is not None for call in calls) == 3)
    machine.polkit.send_signal(10)
    said = [call.communicate()[1] for call in calls]
    same(sum('Too many calls' in text for text in said), 3)
    same(sum('JSON' in text or 'new.json' in text for text in said), 2)


def test_callers_leave():
    machine.answer('wait')
    calls = calls_of(65534, CALLS_OF_A_USER)
    assert wait_for(lambda: len(machine.asked()) == CALLS_OF_A_USER)
    for call in calls:
        call.kill()
        call.communicate()
    machine.polkit.send_signal(10)
    # Nothing of them is left: as many may call again.
    machine.answer('yes')
    same([outcome(call) for call in calls_of(65534, CALLS_OF_A_USER)], [''] * CALLS_OF_A_USER)


def test_polkit_is_killed():
    machine.answer('wait')
    calls = calls_of(65534, CALLS_OF_A_USER)
    assert wait_for(lambda: len(machine.asked()) == CALLS_OF_A_USER)
    machine.polkit.kill()
    machine.polkit.wait()
    same({outcome(call) for call in calls}, {DENIED})
    same(machine.call('ResetFailedCell', 'string:rtos'), DENIED)
    same(machine.call('ResetFailedCell', 'string:rtos', user=0), '')
    machine.start_polkit()
    machine.answer('yes')
    same(machine.call('ResetFailedCell', 'string:rtos'), '')


def test_many_readers():
    """Each question that came while another is answered gets an answer of its own, of its own cell."""
    same(machine.call('StartCell', 'string:rtos', 'uint64:4', user=0), '')
    readers = [machine.begin('GetStatistics', path=f'{ROOT}/cell/{name}', interface=NAME)
               for name in ['rtos', 'other'] * 30]
    same([outcome(reader) for reader in readers], ['', 'NotRunning'] * 30)
    same(machine.call('StopCell', 'string:rtos', 'uint64:4', user=0), '')


def test_celld_is_well():
    machine.celld.terminate()
    same(machine.celld.wait(30), 0)


if __name__ == '__main__':
    if os.geteuid() == 0:
        machine = Machine(sys.argv[1])
        tap.run(dict(globals()))
    print('1..0 # SKIP only root can be several users')
