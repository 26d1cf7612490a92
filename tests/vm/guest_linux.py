#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the guest Linux of scenarios: a small kernel from Debian's source, built once, and an initrd of busybox.

What they are made of is in the folder linux/: kernel.config, and the files of the initrd; the driver of the virtual
console is in inmates/linux. With the name of a folder as argument it puts both there.
"""
import sys

sys.dont_write_bytecode = True

import shutil
import subprocess
import time
from pathlib import Path

from build import ROOT, BuildError, locked, progress, tool
from image import CACHE, HERE, digest, digest_tree, made_anew

CONFIG = HERE / 'linux/kernel.config'
INITRD = HERE / 'linux/initrd'
DRIVER = ROOT / 'inmates/linux'
PACKAGE = 'linux-source-6.1'
SOURCE = Path(f'/usr/src/{PACKAGE}.tar.xz')
PROGRESS_SECONDS = 30


def add_driver(tree):
    """Add the driver of the virtual console, as its Kconfig says."""
    folder = tree / 'drivers/tty/hvc'
    shutil.copy(DRIVER / 'hvc_cell.c', folder)
    with open(folder / 'Kconfig', 'a') as kconfig, open(folder / 'Makefile', 'a') as makefile:
        kconfig.write((DRIVER / 'Kconfig').read_text())
        makefile.write('obj-$(CONFIG_HVC_CELL) += hvc_cell.o\n')


def configure(tree):
    """Configure the kernel; an option that it does not take must not be left out silently."""
    tool('make', '-C', tree, 'ARCH=x86_64', f'KCONFIG_ALLCONFIG={CONFIG}', 'allnoconfig')
    wanted = {line for line in CONFIG.read_text().splitlines() if line.startswith('CONFIG_')}
    missing = wanted - set((tree / '.config').read_text().splitlines())
    if missing:
        raise BuildError(f'the guest kernel does not take {" ".join(sorted(missing))}')


def compile_kernel(tree):
    """Minutes on a small machine: tell how far it is."""
    log, start = tree / 'build.log', time.monotonic()
    with open(log, 'wb') as output:
        make = subprocess.Popen(['nice', '-n', '19', 'make', '-C', tree, 'ARCH=x86_64', '-j2', 'bzImage'],
                                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    while make.poll() is None:
        try:
            make.wait(PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            steps = log.read_bytes().count(b'\n')
            progress(f'guest kernel: {steps} of about 1100 steps in {time.monotonic() - start:.0f} s')
    if make.returncode:
        sys.stderr.write('\n'.join(log.read_text(errors='replace').splitlines()[-30:]) + '\n')
        raise BuildError('the guest kernel does not build')


def make_kernel():
    version = tool('dpkg-query', '-W', '-f', '${Version}', PACKAGE)
    sources = [CONFIG, DRIVER / 'Kconfig', DRIVER / 'hvc_cell.c']
    kernel = CACHE / f'guest_kernel-{digest(version, *(source.read_text() for source in sources))}'
    if kernel.exists():
        return kernel
    progress('building the guest kernel, once (about four minutes)')
    tree = CACHE / 'guest_source'
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    tool('tar', '-xJf', SOURCE, '-C', tree, '--strip-components=1')
    add_driver(tree)
    configure(tree)
    compile_kernel(tree)
    with made_anew(kernel) as new:
        shutil.copy(tree / 'arch/x86/boot/bzImage', new)
    shutil.rmtree(tree)
    return kernel


def make_initrd():
    initrd = CACHE / f'guest_initrd-{digest(digest_tree(INITRD))}'
    if initrd.exists():
        return initrd
    tree = CACHE / 'guest_root'
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(INITRD, tree)
    for folder in ['bin', 'dev', 'proc', 'sys']:
        (tree / folder).mkdir()
    shutil.copy2('/bin/busybox', tree / 'bin')
    (tree / 'init').symlink_to('bin/busybox')
    with made_anew(initrd) as new:
        tool('sh', '-c', f'find . | cpio --quiet -R 0:0 -o -H newc >"{new}"', cwd=tree)
    shutil.rmtree(tree)
    return initrd


class Guest:
    """A kernel and an initrd; making them waits for any other run that is at it."""

    def __init__(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        with locked('guest'):
            self.kernel, self.initrd = make_kernel(), make_initrd()

    def copy_to(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.kernel, folder / 'bzImage')
        shutil.copy(self.initrd, folder / 'initrd.cpio')


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        print(f'usage: guest_linux.py FOLDER\n\n{__doc__}', file=sys.stderr)
        return 2
    try:
        Guest().copy_to(Path(sys.argv[1]))
    except BuildError as error:
        progress(error)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
