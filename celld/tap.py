# SPDX-License-Identifier: LGPL-2.1-or-later
"""For tests that are scripts: runs functions whose name begins with test_, and prints TAP."""
import sys
import traceback


class Skip(Exception):
    """Cannot be tested here, and why."""


def run(functions):
    """Run each; what it raises is its failure. Exits."""
    tests = [(name, function) for name, function in functions.items() if name.startswith('test_')]
    failed = 0
    print(f'1..{len(tests)}')
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f'ok {number} - {name}', flush=True)
        except Skip as reason:
            print(f'ok {number} - {name} # SKIP {reason}', flush=True)
        except Exception:
            failed += 1
            print(f'not ok {number} - {name}')
            print(''.join(f'# {line}\n' for line in traceback.format_exc().splitlines()), end='', flush=True)
    sys.exit(failed > 0)


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f'\n   got: {got!r}\nwanted: {wanted!r}')
