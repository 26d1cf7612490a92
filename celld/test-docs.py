#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares manual pages, completion and the journal's catalogue with what they are about.

usage: test-docs.py CELLCTL CELLD CELLD-RUN CATALOG HEADER SCHEMA PAGE...
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tap

CELLCTL, CELLD, CELLD_RUN, CATALOG, HEADER, SCHEMA = sys.argv[1:7]
PAGES = {Path(page).name: Path(page) for page in sys.argv[7:]}
SOURCE = Path(__file__).parent
COMPLETION = SOURCE / 'completion'


def plain(page):
    """Text of a page without requests and escapes, roughly as it is read."""
    text = re.sub(r'^\.(\\"|[A-Z]+) ?', '', PAGES[page].read_text(), flags=re.MULTILINE)
    return re.sub(r'\\f.|\\&|\\c|"', '', text).replace('\\-', '-').replace('\\e', '\\')


def has_word(text, word):
    return re.search(rf'(?<![\w-]){re.escape(word)}(?![\w-])', text)


def missing(words, text):
    return [word for word in sorted(words) if not has_word(text, word)]


def help_of_cellctl():
    """Verbs and options by --help."""
    text = subprocess.run([CELLCTL, '--help'], capture_output=True, text=True, check=True).stdout
    verbs, options = text.split('Commands:\n')[1].split('\nOptions:\n')
    return set(re.findall(r'^  (\S+)', verbs, re.MULTILINE)), set(re.findall(r'(?<![\w-])--?\w[\w-]*', options))


def schema_keys(schema, part, seen):
    """All keys below a part of the schema; part of the other file if it is in seen."""
    if isinstance(part, list):
        return set().union(*(schema_keys(schema, item, seen) for item in part)) if part else set()
    if not isinstance(part, dict):
        return set()
    keys = set(part.get('properties', {}))
    for value in list(part.get('properties', {}).values()) + [part.get(k) for k in ('items', 'anyOf', 'oneOf', 'allOf')]:
        keys |= schema_keys(schema, value, seen)
    reference = part.get('$ref', '').removeprefix('#/$defs/')
    if reference and reference not in seen:
        seen.add(reference)
        keys |= schema_keys(schema, schema['$defs'][reference], seen)
    return keys


def test_verbs_and_options_in_manual():
    verbs, options = help_of_cellctl()
    assert len(verbs) > 20 and '--json' in options and '-P' in options, (verbs, options)
    tap.same(missing(verbs | options, plain('cellctl.1')), [])


def test_no_more_options_in_manual():
    tap.same([word for word in re.findall(r'(?<![\w-])--\w[\w-]*', plain('cellctl.1'))
              if word not in help_of_cellctl()[1]], [])


def test_verbs_and_options_in_completion():
    verbs, options = help_of_cellctl()
    for shell in 'cellctl.bash', '_cellctl':
        text = (COMPLETION / shell).read_text()
        tap.same(missing(verbs, text), [])
        tap.same([option for option in sorted(options) if option not in text], [])


def test_keys_of_cells_in_manual():
    schema = json.loads(Path(SCHEMA).read_text())
    keys = schema_keys(schema, schema['$defs']['cell'], set())
    assert {'cpus', 'sha256', 'OnFailure', 'pin_base', 'name_tail'} <= keys, keys
    tap.same(missing(keys, plain('celld-cell.5')), [])


def test_keys_of_machine_in_manual():
    schema = json.loads(Path(SCHEMA).read_text())
    keys = schema_keys(schema, schema['$defs']['system'], {'resources'})
    assert {'hypervisor_memory', 'gicd_base', 'tlb_size', 'root_cell', 'clock_reg'} <= keys, keys
    tap.same(missing(keys, plain('celld.conf.5')), [])


def test_interfaces_in_manual():
    text = plain('org.jailhouse.Cell.5')
    for file in sorted((Path(__file__).parent.parent / 'bus').glob('*.xml')):
        names = set(re.findall(r'<(?:method|signal|property|interface) name="([^"]+)"', file.read_text()))
        assert len(names) > 10
        tap.same(missing(names, text), [])


def test_options_of_daemons_in_manual():
    for program, page in (CELLD, 'celld.8'), (CELLD_RUN, 'celld-run.8'):
        done = subprocess.run([program, '--help'], capture_output=True, text=True, check=True)
        options = set(re.findall(r'--\w[\w-]*', done.stdout + done.stderr)) | {'--help'}
        tap.same((page, missing(options, plain(page))), (page, []))
        tap.same(set(re.findall(r'(?<![\w-])--\w[\w-]*', plain(page))), options)


def test_exit_statuses_in_manual():
    statuses = re.findall(r'CELL_EXIT_\w+ = (\d+)', (SOURCE / 'supervise.h').read_text())
    assert len(statuses) == 5
    tap.same(missing(statuses, plain('celld-run.8')), [])


def test_names_of_errors_and_results_in_manual():
    errors = re.findall(r'PREFIX "(\w+)"', (SOURCE / 'bus-errors.c').read_text())
    tables = re.compile(r'cell_(?:result|state|health|operation|supervisor)_table\[\w+\] = {(.*?)};', re.DOTALL)
    values = {name for file in SOURCE.glob('*.c') for table in tables.findall(file.read_text())
              for name in re.findall(r'"([^"]+)"', table)}
    assert len(errors) >= 16 and {'start-limit-hit', 'restarting', 'lost', 'unit'} <= values, (errors, values)
    tap.same(missing(set(errors) | values, plain('org.jailhouse.Cell.5')), [])


def test_journal_fields_in_manual():
    fields = set(re.findall(r'"(CELL_[A-Z_]+)=', (SOURCE / 'log.c').read_text()))
    assert {'CELL_NAME', 'CELL_FAULT_ADDRESS'} <= fields, fields
    tap.same(missing(fields, plain('celld.8')), [])


def test_references_between_manuals():
    ours = {re.sub(r'\.(\d)$', r' (\1)', page) for page in PAGES}
    for page in PAGES:
        for name, section in re.findall(r'([\w.-]*[cC]ell[\w.-]*) ?\((\d)\)', plain(page)):
            assert f'{name} ({section})' in ours, f'{page}: {name}({section})'


def test_manuals_are_clean():
    if not shutil.which('groff'):
        raise tap.Skip('no groff')
    for page in PAGES.values():
        done = subprocess.run(['groff', '-man', '-ww', '-Tutf8', '-z', str(page)], capture_output=True, text=True)
        tap.same((page.name, done.stderr), (page.name, ''))


def test_catalog_has_all_messages():
    messages = re.findall(r'#define (CELLD_MESSAGE_\w+) "([0-9a-f]{32})"', Path(HEADER).read_text())
    ids = re.findall(r'^-- ([0-9a-f]{32})$', Path(CATALOG).read_text(), re.MULTILINE)
    assert len(messages) >= 9
    tap.same(len(ids), len(set(ids)))
    tap.same({identifier for _, identifier in messages}, set(ids))


def test_messages_are_used():
    text = '\n'.join(source.read_text() for source in Path(__file__).parent.glob('*.c'))
    names = re.findall(r'#define (CELLD_MESSAGE_\w+)', Path(HEADER).read_text())
    tap.same(missing(names, text), [])
    subjects = re.findall(r'^Subject: (.*)$', Path(CATALOG).read_text(), re.MULTILINE)
    tap.same((len(subjects), len(set(subjects))), (len(names), len(names)))


def test_results_are_explained():
    table = (Path(__file__).parent / 'supervise.c').read_text()
    results = set(re.findall(r'\[CELL_RESULT_\w+\] = "([\w-]+)"', table))
    assert len(results) >= 10, results
    # these have messages of their own
    entry = re.search(r'^Subject: Cell @CELL_NAME@ has failed$.*?^-- ', Path(CATALOG).read_text(), re.MULTILINE | re.DOTALL)
    tap.same(missing(results - {'success', 'shutdown-denied', 'start-limit-hit'}, entry[0]), [])
    tap.same(missing(results, plain('org.jailhouse.Cell.5')), [])


def test_catalog_is_read_by_journalctl():
    if not shutil.which('journalctl'):
        raise tap.Skip('no journalctl')
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, 'usr/lib/systemd/catalog')
        folder.mkdir(parents=True)
        shutil.copy(CATALOG, folder)
        # it creates the folder of the data base only if it is privileged
        Path(root, 'var/lib/systemd/catalog').mkdir(parents=True)
        for action, lines in ('--update-catalog', 0), ('--list-catalog', Path(CATALOG).read_text().count('\n-- ')):
            done = subprocess.run(['journalctl', f'--root={root}', action], capture_output=True, text=True,
                                  env={**os.environ, 'SYSTEMD_LOG_LEVEL': 'warning'})
            tap.same((done.returncode, done.stdout.count('\n'), done.stderr), (0, lines, ''))


def test_catalog_variables():
    text = Path(CATALOG).read_text()
    tap.same(set(re.findall(r'@([^@\n]*)@', text)),
             {'CELL_NAME', 'CELL_ID', 'CELL_RESULT', 'CELL_FAULT_DEVICE', 'CELL_FAULT_ADDRESS'})
    assert text.count('@') % 2 == 0
    assert max(map(len, text.splitlines())) <= 100


if __name__ == '__main__':
    tap.run(dict(globals()))
