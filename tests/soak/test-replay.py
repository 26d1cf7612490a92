#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The soak's judge, judged: traces in which something is wrong, and the same without."""
import sys

sys.dont_write_bytecode = True

from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent.parent / 'celld')]

import tap
from replay import PREFIX, STANDARD, Trace

BURST = 2


def kernel(t, what, value=0, pid=1):
    return {'t': t, 'what': what, 'value': value, 'pid': pid, 'cell': 'a', 'seq': 0}


def call(sent, t, member, error=''):
    return {'t': t, 'sent': sent, 'call': member, 'cell': 'a', 'client': 0, 'flags': 0, 'error': error}


def state(at, name):
    return {'t': at, 'at': at, 'state': name, 'cell': 'a'}


def start(t, pid=1, created=True):
    """The job that starts the cell, and its states."""
    return [state(t, 'starting'), *([kernel(t + 1, 'create', pid=pid)] if created else []),
            kernel(t + 2, 'load', pid=pid), kernel(t + 3, 'start', pid=pid), state(t + 4, 'running')]


def stop(t, pid=2):
    return [state(t, 'stopping'), kernel(t + 1, 'destroy', pid=pid), state(t + 2, 'defined')]


STARTED = [*start(10), call(9, 15, 'StartCell')]


def judge(lines, *wanted):
    """Each word belongs to a problem, and there are no others."""
    found = list(Trace(lines, BURST).problems())
    if len(found) != len(wanted) or any(word not in problem for word, problem in zip(wanted, found)):
        raise AssertionError(f'found {found}, wanted {wanted}')


def test_life():
    judge([*STARTED, call(20, 21, 'StartCell', PREFIX + 'AlreadyRunning'), *stop(30), call(29, 33, 'StopCell'),
           call(40, 41, 'StopCell', PREFIX + 'NotRunning')])


def test_lost_operation():
    judge([*STARTED, call(20, 30, 'StopCell')], 'lost: StopCell')
    judge([*STARTED, *stop(30), call(29, 33, 'StopCell'), call(29, 33, 'DestroyCell')], 'lost: ')


def test_doubled_operation():
    judge([*STARTED, *stop(30)], 'doubled: stop')
    judge([*STARTED, *stop(30), call(29, 33, 'StopCell', PREFIX + 'Busy')], 'doubled: stop')
    judge([*STARTED, *stop(30), call(29, 33, 'StopCell'), *start(40, 3)], 'doubled: start')


def test_taken_over():
    """A supervisor that comes back to a cell that somebody has only created gives it back."""
    created = [kernel(1, 'create'), state(2, 'created'), call(0, 3, 'CreateCell')]
    judge([*created, *stop(30), call(20, 25, 'Supervise')])
    judge([*created, *stop(30), call(40, 45, 'Supervise')], 'doubled: stop')
    judge([*created, *start(30, 3, created=False), call(20, 25, 'Supervise')])


def test_lost_worker():
    """What was done before the worker died was done."""
    judge([kernel(1, 'create'), kernel(2, 'die'), state(3, 'created'), call(0, 4, 'CreateCell')])
    judge([kernel(2, 'die'), state(3, 'created'), call(0, 4, 'CreateCell')], 'lost: CreateCell')
    judge([state(1, 'starting'), kernel(2, 'create'), kernel(3, 'die'), kernel(4, 'load', pid=2),
           kernel(5, 'start', -22, pid=2), kernel(6, 'destroy', pid=2), state(7, 'failed'),
           call(0, 8, 'StartCell', STANDARD + 'Failed')])


def test_started_twice():
    judge([*STARTED, *start(20, 3, created=False)[:2], kernel(23, 'start', pid=3), kernel(24, 'start', pid=3),
           call(19, 25, 'RestartCell')], 'start of a cell that is running')
    judge([kernel(1, 'create'), kernel(2, 'start'), call(0, 3, 'StartCell')], 'start of a cell that is idle')


def test_policy():
    failure = [kernel(20, 'park', pid=9), {'t': 21, 'failed': 'cpu-failed', 'cell': 'a'}]
    again = start(30, 3, created=False)
    judge([*STARTED, *failure, *again])
    judge([*STARTED, *failure, *again, kernel(40, 'park', pid=9), *start(50, 4, created=False)], 'in a row by itself')
    lost = [kernel(33, 'die', pid=3), *start(34, 5, created=False)]
    judge([*STARTED, *failure, *again, *lost])
    judge([*STARTED, *failure, *again, *lost, kernel(40, 'park', pid=9), *start(50, 4, created=False)],
          'in a row by itself')


def test_wrong_failure():
    judge([*STARTED, {'t': 21, 'failed': 'heartbeat-timeout', 'cell': 'a'}], 'Failed(heartbeat-timeout)')


def test_wrong_answers():
    judge([*STARTED, call(20, 21, 'StopCell', PREFIX + 'NotRunning')], 'NotRunning')
    judge([call(20, 21, 'StartCell', PREFIX + 'AlreadyRunning')], 'AlreadyRunning')
    judge([*STARTED, call(20, 21, 'StopCell', PREFIX + 'ShutdownDenied')], 'ShutdownDenied')
    judge([*STARTED, call(20, 21, 'StopCell', PREFIX + 'Busy')], 'Busy')
    judge([*STARTED, call(20, 21, 'StopCell', 'System.Error.EIO')], 'System.Error.EIO')
    judge([*STARTED, kernel(21, 'destroy', -1, pid=2), call(20, 22, 'StopCell', PREFIX + 'ShutdownDenied')])


def test_without_celld():
    silent = call(20, 21, 'StopCell', STANDARD + 'NoReply')
    judge([*STARTED, silent], 'NoReply')
    judge([*STARTED, silent, {'gone': 20, 'back': 25}])
    judge([*STARTED, {'gone': 20, 'back': 25}, call(30, 31, 'StopCell', PREFIX + 'NotRunning')])


def test_leases():
    lost = {'t': 50000000, 'lease': 'lost', 'client': 0, 'cell': 'a', 'more': ''}
    judge([lost], 'a lease was lost')
    judge([lost, {'gone': 49999000, 'back': 50000500}])
    judge([*STARTED, {'t': 29, 'lease': 'stop', 'client': 0, 'cell': 'a', 'more': ''}, *stop(30)])


if __name__ == '__main__':
    tap.run(globals())
