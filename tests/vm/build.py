# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles the tree in a folder of build/: sets it up when its options are new, then runs ninja."""
import fcntl
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / 'build'
INSTALLED = ['--prefix=/usr', '--sysconfdir=/etc', '--localstatedir=/var']


class BuildError(Exception):
    """Something could not be made; the text says what."""


def progress(text):
    print(f'# {text}', file=sys.stderr, flush=True)


def tool(*command, **options):
    """Run a tool quietly and return what it said; show that if it fails."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **options)
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise BuildError(f'`{" ".join(command[:4])} ...` failed with status {done.returncode}')
    return done.stdout


@contextmanager
def locked(name):
    """Only one run at a time may work on what the name stands for."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f'.{name}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kernel_release():
    """The stock kernel whose headers are installed: the kernel module is built with these."""
    headers = tool('dpkg-query', '-W', '-f', '${Depends}', 'linux-headers-amd64')
    return re.search(r'linux-headers-(\S+)', headers).group(1)


def set_up_project(folder, compiler='gcc', options=()):
    """Set a build folder up if its options are new; the caller has it locked."""
    setup = [*INSTALLED, f'-Dkdir=/usr/src/linux-headers-{kernel_release()}', *options]
    stamp, wanted = folder / '.options', '\n'.join([compiler, *setup])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    progress(f'setting up {os.path.relpath(folder)}')
    again = ['--wipe'] if (folder / 'build.ninja').exists() else []
    tool('meson', 'setup', *again, *setup, folder, ROOT, env=os.environ | {'CC': compiler})
    stamp.write_text(wanted)


def compile_project(folder, compiler='gcc', options=()):
    """Bring a build folder up to date."""
    with locked(folder.name):
        set_up_project(folder, compiler, options)
        progress(f'building {os.path.relpath(folder)}')
        ninja = subprocess.run(['ninja', '--quiet', '-C', str(folder)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
        if ninja.returncode:
            sys.stderr.write(ninja.stdout)
            raise BuildError('the project does not build')
