#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What completion offers at the end of a line, with a cellctl that knows three cells."""
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
from pathlib import Path

import tap

COMPLETION = Path(__file__).parent / 'completion'

STUB = r'''#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in
*list*) printf 'gps  defined none\nold  failed  none\nrtos running ok\n' ;;
*show) printf 'Version=1\n' ;;
*show*) printf 'Name=rtos\nState=running\nStateChangeTimestamp=1\n' ;;
esac
'''

# Words as readline makes them.
SCRIPT = r'''
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_cellctl
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
exit 0
'''


def complete(line):
    """(offers, command lines of the stub) of bash; the last word may be empty."""
    words = [word for part in line.split(' ') for word in re.findall(r'[=@:]|[^=@:]+', part) or ['']]
    with tempfile.TemporaryDirectory() as folder:
        stub, log = Path(folder, 'cellctl'), Path(folder, 'log')
        stub.write_text(STUB)
        stub.chmod(0o755)
        files = Path(folder, 'files')
        files.mkdir()
        Path(files, 'new cell.json').touch()
        Path(files, 'gps.json').touch()
        done = subprocess.run(['bash', '--norc', '-c', SCRIPT, 'bash', COMPLETION / 'cellctl.bash', *words],
                              capture_output=True, text=True, cwd=files,
                              env={**os.environ, 'PATH': f'{folder}:{os.environ["PATH"]}', 'LOG': str(log)})
        # without a line editor there is nobody to tell about file names
        noise = [line for line in done.stderr.splitlines() if 'not currently executing completion' not in line]
        tap.same((done.returncode, noise), (0, []))
        return done.stdout.splitlines(), log.read_text().splitlines() if log.exists() else []


def offers(line):
    return sorted(complete(line)[0])


def test_verbs():
    assert {'list', 'start', 'metrics', 'define', 'hypervisor', 'export'} <= set(offers('cellctl '))
    tap.same(offers('cellctl st'), ['start', 'stats', 'status', 'stop'])
    tap.same(offers('cellctl --json=short li'), ['list'])
    tap.same(offers('cellctl -n 5 li'), ['list'])
    tap.same(offers('cellctl xyz'), [])


def test_options():
    tap.same(offers('cellctl --no-'), ['--no-ask-password', '--no-block', '--no-legend', '--no-pager', '--no-unit'])
    tap.same(offers('cellctl start --fo'), ['--follow', '--force'])
    assert {'-H', '-P', '-q', '--value'} <= set(offers('cellctl -'))


def test_values():
    tap.same(offers('cellctl --json='), ['off', 'pretty', 'short'])
    tap.same(offers('cellctl --json=p'), ['pretty'])
    tap.same(offers('cellctl --json p'), ['pretty'])
    tap.same(offers('cellctl --lines='), [])
    tap.same(offers('cellctl show rtos -p St'), ['State', 'StateChangeTimestamp'])
    tap.same(offers('cellctl show rtos -p Name,St'), ['Name,State', 'Name,StateChangeTimestamp'])
    tap.same(offers('cellctl show -p '), ['Name', 'State', 'StateChangeTimestamp', 'Version'])
    tap.same(offers('cellctl hypervisor '), ['disable', 'enable', 'log', 'status'])


def test_cells():
    tap.same(offers('cellctl status '), ['gps', 'old', 'rtos'])
    tap.same(offers('cellctl status rtos g'), ['gps'])
    tap.same(offers('cellctl start '), ['gps', 'old'])
    tap.same(offers('cellctl stop '), ['old', 'rtos'])
    tap.same(offers('cellctl reset-failed '), ['old'])
    tap.same(offers('cellctl -q --force restart r'), ['rtos'])
    tap.same(offers('cellctl list '), [])
    tap.same(offers('cellctl nonsense '), [])


def test_files():
    tap.same(offers('cellctl define '), ['gps', 'old', 'rtos'])
    tap.same(offers('cellctl define gps '), ['gps.json', 'new cell.json'])
    tap.same(offers('cellctl define gps ne'), ['new cell.json'])
    tap.same(offers('cellctl import g'), ['gps.json'])
    tap.same(offers('cellctl check g'), ['gps', 'gps.json'])
    tap.same(offers('cellctl export -o n'), ['new cell.json'])


def test_other_machine():
    for host in '-H me@there', '--host=me@there', '--host me@there':
        got, calls = complete(f'cellctl {host} start g')
        tap.same(got, ['gps'])
        assert calls[0].startswith('-H me@there '), calls
    tap.same(complete('cellctl -H there:22 start g')[1][0].split()[:2], ['-H', 'there:22'])


def test_nobody_is_asked():
    for call in complete('cellctl stop ')[1]:
        assert '--no-ask-password' in call and '--no-pager' in call, call


def zsh_offers(*lines):
    """What zsh lists for each line, on a terminal as it wants one: words of the list, with or without descriptions."""
    if not shutil.which('zsh'):
        raise tap.Skip('no zsh')
    with tempfile.TemporaryDirectory() as folder:
        stub = Path(folder, 'cellctl')
        stub.write_text(STUB)
        stub.chmod(0o755)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe('zsh', ['zsh', '-f', '-i'], {**os.environ, 'TERM': 'dumb', 'LOG': f'{folder}/log',
                                                    'PATH': f'{folder}:{os.environ["PATH"]}'})

        def enter(keys):
            # what is typed is echoed, so that the mark is typed in two parts; behind it the line editor says it is back
            os.write(terminal, f'{keys}\x15print -r MA""RK\n'.encode())
            shown = b''
            while not re.search(rb'MARK.*\x1b\[\?2004h', shown, re.DOTALL):
                assert select.select([terminal], [], [], 60)[0], shown
                shown += os.read(terminal, 4096)
            return shown.decode()

        try:
            enter(f'stty rows 99; PROMPT= LISTMAX=0; fpath=({COMPLETION} $fpath); autoload -Uz compinit; compinit -u -D\n')
            lists = [enter(f'{line}\x04').split('\r\n')[1:-3] for line in lines]
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        return [sorted(word for row in rows for word in re.sub(' -- .*', '', row).split()) for rows in lists]


def test_zsh():
    verbs = re.findall(r"^        '([\w-]+):", (COMPLETION / '_cellctl').read_text(), re.MULTILINE)
    every, some, start, stop, failed, options, form, hypervisor = zsh_offers(
        'cellctl ', 'cellctl st', 'cellctl start ', 'cellctl stop ', 'cellctl reset-failed ', 'cellctl --no-',
        'cellctl --json=', 'cellctl hypervisor ')
    tap.same(every, sorted(verbs))
    tap.same(some, ['start', 'stats', 'status', 'stop'])
    tap.same(start, ['gps', 'old'])
    tap.same(stop, ['old', 'rtos'])
    tap.same(failed, ['old'])
    tap.same(options, ['--no-ask-password', '--no-block', '--no-legend', '--no-pager', '--no-unit'])
    tap.same(form, ['off', 'pretty', 'short'])
    tap.same(hypervisor, ['disable', 'enable', 'log', 'status'])


if __name__ == '__main__':
    tap.run(dict(globals()))
