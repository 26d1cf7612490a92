# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages of Debian's backports, unpacked under build/vm and never installed beside those of the stable release.

The machine's own list of mirrors is copied and the suite added to it, so nothing of apt's configuration is touched. Where
the suite cannot be reached, Unreachable says so, and who wanted it has to go without.
"""
import os
import re
import shutil
from pathlib import Path

from build import BUILD, ROOT, BuildError, locked, progress, tool
from image import (CACHE, MODULES, Image, apt_sources, digest, digest_tree, keep_kernel, made_anew, make_initramfs,
                   make_project)

STABLE = 'bookworm'
SUITE = f'{STABLE}-backports'
EMULATOR = 'qemu-system-x86 qemu-system-common qemu-system-data seabios'.split()
KERNEL = ['linux-image-amd64', 'linux-headers-amd64']
LIBRARIES = 'usr/lib/x86_64-linux-gnu'
SOURCES = {'kmod': ['jailhouse.ko', 'uio_ivshmem.ko'], 'tests/vm/fuzz-machine/module': ['jailhouse-fuzz.ko']}


class Unreachable(BuildError):
    """The suite is not to be had from this machine's mirrors; the text says which package was wanted."""


def with_backports(file):
    """What a list of sources says on the stable release, and the same on the suite; nothing of other publishers."""
    if file.suffix == '.list':
        entries = re.findall(rf'^deb\s.*\s{STABLE}\s.*$', file.read_text(), re.MULTILINE)
        return '\n'.join(entries + [re.sub(rf'\s{STABLE}\s', f' {SUITE} ', entry) for entry in entries])
    suites = re.compile(rf'^(Suites:(?:.*\s)?{STABLE})(?=\s|$)', re.MULTILINE)
    stanzas = re.split(r'\n\s*\n', file.read_text())
    return '\n\n'.join(suites.sub(rf'\1 {SUITE}', stanza) for stanza in stanzas if suites.search(stanza))


def apt_options(folder):
    """Options for apt-get that keep it in a folder of ours; that it knows what is installed here is wanted."""
    sources = folder / 'sources'
    for part in [sources, folder / 'lists/partial', folder / 'archives/partial']:
        part.mkdir(parents=True, exist_ok=True)
    for file in apt_sources():
        (sources / file.name).write_text(with_backports(file) + '\n')
    settings = {'Dir::Etc::sourcelist': '/dev/null', 'Dir::Etc::sourceparts': sources, 'Dir::State::lists': folder / 'lists',
                'Dir::Cache': folder, 'Dir::Cache::archives': folder / 'archives', 'APT::Sandbox::User': 'root',
                'Debug::NoLocking': 'true', 'APT::Keep-Downloaded-Packages': 'true', 'Acquire::http::Timeout': '20'}
    return [word for name, value in settings.items() for word in ('-o', f'{name}={value}')]


def fetch(packages, tree):
    """Unpack packages of the suite, and what they need that is not installed here, into a folder."""
    folder = CACHE / 'apt'
    options = apt_options(folder)
    for file in (folder / 'archives').glob('*.deb'):
        file.unlink()
    try:
        tool('apt-get', *options, '-qq', 'update')
    except BuildError:
        pass  # One mirror of several may be gone; the packages tell whether that matters.
    try:
        tool('apt-get', *options, '-qq', '-y', '--no-install-recommends', '--download-only', '--reinstall', 'install',
             *(f'{package}/{SUITE}' for package in packages))
    except BuildError as error:
        raise Unreachable(f'{packages[0]} cannot be had from {SUITE}') from error
    for file in (folder / 'archives').glob('*.deb'):
        tool('dpkg-deb', '-x', file, tree)
        file.unlink()


def emulator():
    """The suite's QEMU: the words that a command line starts with, and the environment."""
    tree = CACHE / f'emulator-{digest(EMULATOR, SUITE)}'
    with locked('vm'):
        if not tree.exists():
            progress(f'fetching {EMULATOR[0]} of {SUITE}')
            with made_anew(tree) as new:
                fetch(EMULATOR, new)
    libraries = tree / LIBRARIES
    data = [word for folder in ['qemu', 'seabios'] for word in ('-L', str(tree / 'usr/share' / folder))]
    return ([str(tree / 'usr/bin/qemu-system-x86_64'), *data],
            os.environ | {'LD_LIBRARY_PATH': str(libraries), 'QEMU_MODULE_DIR': str(libraries / 'qemu')})


def make_kernel():
    """build/vm/backports_kernel-*: as image.make_kernel(), and the headers under usr."""
    kernel = CACHE / f'backports_kernel-{digest(KERNEL, SUITE, MODULES)}'
    if kernel.exists():
        return kernel
    progress(f'fetching kernel of {SUITE}')
    with made_anew(kernel) as new:
        whole = new / 'whole'
        whole.mkdir(parents=True)
        fetch(KERNEL, whole)
        release = next((whole / 'lib/modules').iterdir()).name
        keep_kernel(whole, release, new)
        for part in ['src', 'lib/' + next((whole / 'usr/lib').glob('linux-kbuild-*')).name]:
            (new / 'usr' / part).parent.mkdir(parents=True, exist_ok=True)
            (whole / 'usr' / part).rename(new / 'usr' / part)
        shutil.rmtree(whole)
    return kernel


def aim_at_neighbour(makefile):
    """It includes one that all flavours share, by the path of an installed package: say where that lies now."""
    makefile.write_text(re.sub(r'\S+(?=/linux-headers-)', str(makefile.parent.parent), makefile.read_text()))


def make_modules(kernel, release):
    """Our modules for that kernel, as files."""
    folder = BUILD / 'backports'
    modules, stamp = [folder / name for names in SOURCES.values() for name in names], folder / 'digest'
    content = digest(kernel, *(digest_tree(ROOT / source) for source in [*SOURCES, 'hypervisor/abi']))
    if not stamp.exists() or stamp.read_text() != content:
        progress('building the modules for it')
        folder.mkdir(parents=True, exist_ok=True)
        headers = kernel / f'usr/src/linux-headers-{release}'
        aim_at_neighbour(headers / 'Makefile')
        for source, names in SOURCES.items():
            tool('sh', ROOT / 'kmod/build.sh', headers, ROOT, source, folder / 'objects',
                 *(folder / name for name in names))
        stamp.write_text(content)
    return modules


class BackportsImage(Image):
    """The same Debian with the suite's kernel, and our modules compiled for that."""

    def __init__(self, build, compile_first=True):
        super().__init__(build, compile_first)
        with locked('vm'):
            kernel = make_kernel()
            release = next((kernel / 'lib/modules').iterdir()).name
            self.vmlinux = kernel / 'vmlinux'
            self.initramfs = make_initramfs(kernel, release, 'backports_initramfs')
            self.project = make_project(build, kernel, release, make_modules(kernel, release), 'backports_project')
