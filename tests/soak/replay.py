# SPDX-License-Identifier: LGPL-2.1-or-later
"""Replays the trace of a soak and finds what should not have happened.

The kernel's lines are what really happened, in that order. The clients' lines are what was asked for and answered, and
when. Signals tell what celld believed, with its own time stamps. All clocks are CLOCK_MONOTONIC in microseconds.

A job is what one worker did to one cell. Each call that was answered with success needs a job of its own between call
and answer, and each job needs a call, or another reason, of its own: two matchings, and where both exist, one exists
that is both.
"""
import bisect
import errno
import heapq
import json
from collections import defaultdict
from dataclasses import dataclass, field

PREFIX = 'org.jailhouse.Cell.Error.'
STANDARD = 'org.freedesktop.DBus.Error.'
WORKER_USEC = 60_000_000  # No worker lives longer.
NOTICED_USEC = 10_000_000  # After this time a client has seen that celld was gone.
FOREVER = 1 << 62

# Which calls may lead to which job.
CALLS_OF = {'start': {'StartCell', 'RestartCell', 'Supervise'}, 'stop': {'StopCell', 'DestroyCell', 'STOP'},
            'create': {'CreateCell', 'StartCell', 'RestartCell', 'Supervise'}}  # The last three if celld died.
# Success of these calls is a job of this kind; Supervise may only take over.
JOB_OF = {'StartCell': 'start', 'RestartCell': 'start', 'StopCell': 'stop', 'DestroyCell': 'stop',
          'CreateCell': 'create'}
ENDS = {('park', 0): 'cpu-failed', ('say', 2): 'success', ('say', 3): 'cell-failed', ('say', 4): 'comm-revision',
        ('silent', 0): 'heartbeat-timeout'}
# What the kernel has said when a call is answered with these errors.
REASONS = {'ShutdownDenied': [-errno.EPERM], 'Timeout': [-errno.ETIMEDOUT], 'ResourceConflict': [-errno.EBUSY],
           'InvalidConfig': [-errno.EINVAL], 'ImageError': [-errno.EINVAL], STANDARD + 'NoMemory': [-errno.ENOMEM],
           STANDARD + 'IOError': [-errno.EIO], STANDARD + 'Failed': [-errno.EBUSY, -errno.EINVAL]}


@dataclass
class Job:
    pid: int
    cell: str
    lines: list = field(default_factory=list)

    @property
    def begin(self):
        return self.lines[0]['t']

    @property
    def end(self):
        return self.lines[-1]['t']

    def did(self, what, *values):
        return any(line['what'] == what and line['value'] in (values or (0,)) for line in self.lines)

    @property
    def kind(self):
        if self.did('start'):
            return 'start'
        if self.did('create') and not self.did('destroy'):
            return 'failed' if any(line['what'] == 'load' for line in self.lines) else 'create'
        if self.did('destroy', 0, -errno.ENOENT) and not any(line['what'] in ('create', 'load') for line in self.lines):
            return 'stop'
        return 'failed'


def jobs_of(lines):
    """The jobs in the kernel's lines of a cell."""
    jobs, last = [], {}
    for line in lines:
        if line['what'] not in ('create', 'load', 'start', 'destroy', 'die'):
            continue
        job = last.get(line['pid'])
        if not job or line['t'] - job.end > WORKER_USEC:
            job = last[line['pid']] = Job(line['pid'], line['cell'])
            jobs.append(job)
        job.lines.append(line)
    return sorted(jobs, key=lambda job: job.end)


def unmatched(jobs, calls):
    """Give jobs to calls whose time they fall into: those of either that stay alone. Earliest deadline first."""
    calls = sorted(calls, key=lambda call: call['sent'])
    waiting, number, lonely_jobs, lonely_calls = [], 0, [], []
    for job in jobs:
        while number < len(calls) and calls[number]['sent'] <= job.end:
            heapq.heappush(waiting, (calls[number]['answered'], number))
            number += 1
        while waiting and waiting[0][0] < job.end:
            lonely_calls.append(calls[heapq.heappop(waiting)[1]])
        if waiting:
            heapq.heappop(waiting)
        else:
            lonely_jobs.append(job)
    return lonely_jobs, lonely_calls + [calls[n] for _, n in waiting] + calls[number:]


class Trace:
    def __init__(self, lines, burst):
        """burst: how often celld may start a cell by itself, the first start by hand included"""
        self.burst = burst
        self.kernel, self.calls, self.signals = defaultdict(list), defaultdict(list), defaultdict(list)
        self.leases, self.gone = [], []
        for line in lines:
            self.sort_in(line)
        self.gone.sort()
        self.times = {cell: [line['t'] for line in lines] for cell, lines in self.kernel.items()}

    def sort_in(self, line):
        if 'what' in line:
            for cell in [line['cell']] if line['cell'] else list(self.kernel):
                self.kernel[cell].append(line)
        elif 'call' in line:
            call = {**line, 'answered': FOREVER if line['error'] == 'vanished' else line['t']}
            self.calls[line['cell']].append(call)
        elif 'lease' in line:
            self.leases.append(line)
            if line['lease'] == 'stop':
                self.calls[line['cell']].append({**line, 'call': 'STOP', 'sent': line['t'], 'answered': FOREVER,
                                                 'error': 'vanished', 'flags': 0})
        elif 'gone' in line:
            self.gone.append((line['gone'], line['back']))
        else:
            self.signals[line['cell']].append(line)

    def between(self, cell, begin, end):
        """The kernel's lines of that time."""
        times = self.times.get(cell, [])
        return self.kernel[cell][bisect.bisect_left(times, begin):bisect.bisect_right(times, end)]

    def was_gone(self, begin, end):
        """Was there a time without celld in between?"""
        return any(gone <= end and back >= begin for gone, back in self.gone)

    def problems(self):
        yield from self.bad_leases()
        for cell in sorted(self.kernel.keys() | self.calls.keys()):
            for check in (self.bad_order, self.bad_jobs, self.bad_answers, self.bad_policy, self.bad_results):
                for problem in check(cell):
                    yield f'{cell}: {problem}'

    def bad_order(self, cell):
        """The kernel's own rules: what runs is not started again, what is started was loaded."""
        state = 'absent'
        for line in self.kernel[cell]:
            what, value = line['what'], line['value']
            if value < 0 or what in ('die', 'enable'):
                continue
            allowed, after = {
                'create': ({'absent'}, 'idle'), 'load': ({'idle', 'loaded', 'running', 'ended'}, 'loaded'),
                'start': ({'loaded'}, 'running'), 'destroy': ({'idle', 'loaded', 'running', 'ended'}, 'absent'),
                'disable': (None, 'absent'), 'park': ({'running'}, 'ended'), 'say': ({'running'}, 'ended'),
                'silent': ({'running'}, 'running'),
            }[what]
            if allowed and state not in allowed:
                yield f'{what} of a cell that is {state}, at {line["t"]}'
            state = after

    def has_other_reason(self, job, before):
        """May celld have done this by itself? before: the job before it"""
        begin = before.end if before else 0
        if self.was_gone(begin, job.end):
            return True
        if before and (before.kind == 'failed' or before.did('die') or any(line['value'] < 0 for line in before.lines)):
            return True
        if self.was_taken_over(job, begin):
            return True
        return any((line['what'], line['value']) in ENDS
                   for line in self.between(job.cell, before.begin if before else 0, job.end))

    def was_taken_over(self, job, begin):
        """Has a supervisor found that its run was over, so that there was a cell to restart or to give back?"""
        return any(call['call'] == 'Supervise' and call['error'] == '' and begin <= call['t'] and call['sent'] <= job.end
                   for call in self.calls[job.cell])

    def bad_jobs(self, cell):
        jobs = jobs_of(self.kernel[cell])
        before = dict(zip((id(job) for job in jobs[1:]), jobs))
        for kind, members in CALLS_OF.items():
            ours = [job for job in jobs if job.kind == kind]
            calls = [call for call in self.calls[cell] if call['call'] in members]
            done = [call for call in calls if call['error'] == '' and JOB_OF.get(call['call']) == kind]
            for call in unmatched(ours, done)[1]:
                yield f'lost: {call["call"]} was answered with success at {call["t"]}, but nothing was done'
            may_have = [call for call in calls if call['error'] in ('', 'vanished', STANDARD + 'NoReply',
                                                                    STANDARD + 'IOError')]
            # A worker that died behind its creation may have been about to start the cell.
            unasked = [job for job in ours if not (kind == 'create' and job.did('die')) and
                       not self.has_other_reason(job, before.get(id(job)))]
            for job in unmatched(unasked, may_have)[0]:
                yield f'doubled: {kind} at {job.end}, that nobody has asked for'

    def states(self, cell):
        """What celld believed: times, and the states that began then. A new celld tells only of what changes, and one
        that is being killed may still tell."""
        told = [(line['at'], line['state']) for line in self.signals[cell] if 'state' in line]
        changes = sorted([(0, 'defined'), *told, *((moment, 'unknown') for times in self.gone for moment in times)])
        return [at for at, _ in changes], [state for _, state in changes]

    def kernel_said(self, call, *values):
        return any(line['value'] in values for line in self.between(call['cell'], call['sent'], call['answered'])
                   if line['what'] not in ('say', 'park'))

    def may_answer(self, call, believed):
        """Does the error fit to what happened meanwhile?"""
        error, name = call['error'], call['error'].removeprefix(PREFIX)
        died = any(line['what'] == 'die' for line in self.between(call['cell'], call['sent'], call['answered']))
        if name in ('AlreadyRunning', 'CellExists'):
            return bool(believed - {'defined'})
        if name == 'NotRunning':
            up = {'running'} if call['call'] == 'GetStatistics' else {'running', 'starting', 'restarting'}
            return bool(believed - up)
        if name == 'Busy':
            return bool(believed - {'running', 'defined'}) or self.others_at(call)
        if name == 'UnitManaged':
            return any(lease['cell'] == call['cell'] for lease in self.leases)
        return name in REASONS and (self.kernel_said(call, *REASONS[name]) or
                                    died and error == STANDARD + 'IOError')

    def others_at(self, call):
        """Was another call on the cell under way?"""
        return any(other is not call and other['sent'] <= call['answered'] and other['answered'] >= call['sent']
                   for other in self.calls[call['cell']])

    def bad_answers(self, cell):
        times, states = self.states(cell)
        for call in self.calls[cell]:
            if call['error'] in ('', 'vanished'):
                continue
            if self.was_gone(call['sent'], call['answered']):
                continue
            first = bisect.bisect_right(times, call['sent']) - 1
            believed = set(states[first:bisect.bisect_right(times, call['answered'])])
            if not self.may_answer(call, believed):
                yield (f'{call["call"]}({call["flags"]}) of {call["sent"]} was answered with {call["error"]} at '
                       f'{call["t"]}, when it was {" ".join(sorted(believed))}')

    def bad_leases(self):
        for line in self.leases:
            if line['lease'] == 'lost' and not self.was_gone(line['t'] - NOTICED_USEC, line['t']):
                yield f'{line["cell"]}: a lease was lost at {line["t"]} though celld was there'

    def bad_policy(self, cell):
        """celld starts a cell by itself only so often until somebody starts it. A second worker for a lost one is no
        second start."""
        resets = [(call['sent'], call['t']) for call in self.calls[cell]
                  if call['call'] in CALLS_OF['start'] | {'ResetFailedCell'}] + self.gone
        row, last, lost = 0, 0, False
        for job in jobs_of(self.kernel[cell]):
            is_another_try, lost = lost, job.did('die')
            if job.kind != 'start' or is_another_try:
                continue
            asked = any(begin <= job.end and end >= job.begin for begin, end in resets)
            row = 0 if asked or any(last < begin <= job.end for begin, _ in resets) else row + 1
            last = job.end
            if row >= self.burst:
                yield f'started {row} times in a row by itself, last at {job.end}'

    def bad_results(self, cell):
        """A failure that is told of has happened, in this run or the one before."""
        ends = [(line['t'], ENDS[line['what'], line['value']]) for line in self.kernel[cell]
                if (line['what'], line['value']) in ENDS]
        for line in self.signals[cell]:
            if line.get('failed') not in set(ENDS.values()) or line['failed'] == 'cell-failed':
                continue
            seen = bisect.bisect_right(ends, (line['t'], 'z'))
            recent = [result for _, result in ends[max(0, seen - 3):seen]]
            if line['failed'] not in recent:
                yield f'Failed({line["failed"]}) at {line["t"]} after {recent}'

    def counts(self):
        calls = [call for calls in self.calls.values() for call in calls]
        jobs = [job for lines in self.kernel.values() for job in jobs_of(lines)]
        ends = [line for lines in self.kernel.values() for line in lines if (line['what'], line['value']) in ENDS]
        return {'calls': len(calls), 'starts': sum(job.kind == 'start' for job in jobs),
                'stops': sum(job.kind == 'stop' for job in jobs), 'failures': len(ends),
                'dead workers': sum(job.did('die') for job in jobs), 'without celld': len(self.gone)}


def read(*paths):
    lines = []
    for path in paths:
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return lines
