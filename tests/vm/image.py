# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds what the test machine boots: kernel, initramfs, a Debian layer and a project layer, cached under build/vm.

The Debian layer is made once and changes with the lists below only. The project layer is what `meson install` puts into
it, the guest/ folder, our programs (agent.c, poke.c), and the module index over both; it is packed again whenever its
content changed.
"""
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path

from build import BUILD, BuildError, compile_project, kernel_release, locked, progress, tool

HERE = Path(__file__).resolve().parent
CACHE = BUILD / 'vm'

PACKAGES = '''
systemd systemd-sysv dbus polkitd kmod udev iproute2 procps jq strace openssh-server
libsystemd0 libjson-c5 libnl-3-200 libnl-genl-3-200
'''.split()

LEFT_OUT = '''
/usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/i18n/* /usr/share/bug/*
/usr/share/lintian/* /usr/share/zoneinfo/* /usr/lib/udev/hwdb.d/* /usr/lib/x86_64-linux-gnu/gconv/*
/usr/lib/systemd/catalog/*.??.catalog /usr/lib/systemd/catalog/*.??_??.catalog
'''.split()

# What a machine that lives for a minute has no use for.
MASKED = '''
getty.target serial-getty@.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
e2scrub_reap.service fstrim.timer ssh.service systemd-tmpfiles-clean.timer systemd-hwdb-update.service
systemd-journal-catalog-update.service systemd-journal-flush.service systemd-update-done.service
systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-firstboot.service
systemd-random-seed.service systemd-machine-id-commit.service
systemd-pstore.service systemd-remount-fs.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount modprobe@configfs.service
modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service modprobe@dm_mod.service
'''.split()

PROGRAMS = ['agent', 'poke']
INITRAMFS_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_console', 'squashfs', 'overlay']
MODULES = INITRAMFS_MODULES + ['9p', '9pnet_virtio', 'autofs4', 'kvm-amd', 'msr', 'cpuid', 'uio']
MODULE_LISTS = ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']


def digest(*parts):
    return hashlib.sha256('\0'.join(str(part) for part in parts).encode()).hexdigest()[:16]


def digest_tree(top):
    """Name, mode and content of everything in a folder."""
    total = hashlib.sha256()
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(folders + files):
            path = Path(folder, name)
            total.update(f'{path.relative_to(top)} {path.lstat().st_mode:o}\n'.encode())
            if path.is_symlink():
                total.update(os.readlink(path).encode())
            elif path.is_file():
                total.update(path.read_bytes())
    return total.hexdigest()[:16]


@contextmanager
def made_anew(path):
    """A temporary folder or file name that takes the place of path, and of its predecessors, once it is complete."""
    temporary = path.with_name(f'new-{path.name}')
    remove(temporary)
    yield temporary
    for old in path.parent.glob(re.sub('-.*', '-*', path.name)):
        remove(old)
    temporary.rename(path)


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def download_package(name, folder):
    try:
        tool('apt-get', '-qq', 'download', name, cwd=folder)
    except BuildError:
        tool('apt-get', '-qq', 'update')
        tool('apt-get', '-qq', 'download', name, cwd=folder)


def extract_vmlinux(bzimage):
    """The kernel proper: QEMU enters it directly (PVH), which saves unpacking it under emulation."""
    setup_sectors = bzimage[0x1f1]
    offset, length = struct.unpack_from('<II', bzimage, 0x248)
    payload = bzimage[(setup_sectors + 1) * 512 + offset:][:length]
    if payload.startswith(b'\xfd7zXZ\0'):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b'\x28\xb5\x2f\xfd'):
        return subprocess.run(['zstd', '-dcq'], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    raise BuildError('the kernel image is compressed with neither xz nor zstd')


def module_closure(tree, release, names):
    """Files of the named modules and of all that they depend on, dependencies first."""
    builtin = {module_name(line) for line in (tree / release / 'modules.builtin').read_text().splitlines()}
    needs = {}
    for line in (tree / release / 'modules.dep').read_text().splitlines():
        file, _, rest = line.partition(':')
        needs[file] = rest.split()
    files = []

    def add(file):
        if file not in files:
            for need in reversed(needs[file]):
                add(need)
            files.append(file)

    for name in names:
        if name not in builtin:
            add(next(file for file in needs if module_name(file) == name))
    return files


def module_name(file):
    return Path(file).name.partition('.')[0]


def copy_module(source, target):
    """Copy a file of a kernel, as it is loaded where it is a module."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == '.xz':
        target.with_suffix('').write_bytes(lzma.decompress(source.read_bytes()))
    else:
        shutil.copy2(source, target)


def keep_kernel(whole, release, new):
    """Of an unpacked kernel package, what a machine needs."""
    (new / 'vmlinux').write_bytes(extract_vmlinux((whole / f'boot/vmlinuz-{release}').read_bytes()))
    tool('depmod', '-b', whole, release)
    modules = whole / 'lib/modules' / release
    for file in module_closure(modules.parent, release, MODULES) + MODULE_LISTS:
        copy_module(modules / file, new / 'lib/modules' / release / file)
    tool('depmod', '-b', new, release)


def make_kernel(release):
    """build/vm/kernel-*: vmlinux, and under lib/modules the few modules that the machine may need."""
    kernel = CACHE / f'kernel-{release}-{digest(MODULES)}'
    if kernel.exists():
        return kernel
    progress(f'fetching kernel {release}')
    with made_anew(kernel) as new:
        whole = new / 'whole'
        whole.mkdir(parents=True)
        download_package(f'linux-image-{release}', new)
        deb = next(new.glob('*.deb'))
        tool('dpkg-deb', '-x', deb, whole)
        deb.unlink()
        keep_kernel(whole, release, new)
        shutil.rmtree(whole)
    return kernel


def make_initramfs(kernel, release, name='initramfs'):
    init = HERE / 'init'
    initramfs = CACHE / f'{name}-{digest(kernel.name, INITRAMFS_MODULES, init.read_text())}.cpio'
    if initramfs.exists():
        return initramfs
    tree = CACHE / 'initramfs'
    remove(tree)
    for folder in ['bin', 'dev']:
        (tree / folder).mkdir(parents=True)
    shutil.copy(init, tree / 'init')
    (tree / 'init').chmod(0o755)
    shutil.copy2('/bin/busybox', tree / 'bin/busybox')
    files = module_closure(kernel / 'lib/modules', release, INITRAMFS_MODULES)
    for file in files:
        shutil.copy2(kernel / 'lib/modules' / release / file, tree)
    (tree / 'modules').write_text(''.join(f'/{Path(file).name}\n' for file in files))
    with made_anew(initramfs) as new:
        tool('sh', '-c', f'find . | cpio --quiet -R 0:0 -o -H newc >"{new}"', cwd=tree)
    shutil.rmtree(tree)
    return initramfs


def apt_sources():
    sources = [Path('/etc/apt/sources.list'), *sorted(Path('/etc/apt/sources.list.d').glob('*'))]
    return [file for file in sources if file.suffix in ('.list', '.sources') and file.exists()]


def trim_debian(tree):
    """Turn a fresh Debian tree into one that boots fast and asks nothing."""
    system = tree / 'etc/systemd/system'
    for unit in MASKED:
        remove(system / unit)
        (system / unit).symlink_to('/dev/null')
    (system / 'default.target').symlink_to('/lib/systemd/system/multi-user.target')
    # Logind comes when somebody asks for it on the bus.
    remove(tree / 'lib/systemd/system/multi-user.target.wants/systemd-logind.service')
    (tree / 'etc/machine-id').write_text('c0' * 16 + '\n')
    (tree / 'etc/hostname').write_text('celld\n')
    (tree / 'etc/fstab').write_text('')


def make_debian(kernel, release):
    debian = CACHE / f'debian-{digest(kernel.name, PACKAGES, LEFT_OUT, MASKED)}.squashfs'
    if debian.exists():
        return debian
    progress('making the Debian layer, once (about a minute)')
    tree = CACHE / 'debian'
    remove(tree)
    excludes = [f'--dpkgopt=path-exclude={pattern}' for pattern in LEFT_OUT]
    tool('mmdebstrap', '--quiet', '--variant=minbase', '--include=' + ','.join(PACKAGES), *excludes, 'bookworm', tree,
         *apt_sources())
    trim_debian(tree)
    shutil.copytree(kernel / 'lib/modules', tree / 'lib/modules', dirs_exist_ok=True)
    with made_anew(debian) as new:
        tool('mksquashfs', tree, new, '-comp', 'lz4', '-noappend', '-quiet', '-no-progress')
    shutil.rmtree(tree)
    return debian


def make_program(name):
    source = HERE / f'{name}.c'
    program = CACHE / f'{name}-{digest(source.read_text())}'
    if not program.exists():
        with made_anew(program) as new:
            tool('cc', '-O2', '-static', '-o', new, source)
    return program


def index_modules(tree, kernel, release, stacked=True):
    """Write modules.dep and its kin for the modules of both layers; if they are stacked, only the project's stay here."""
    folder = tree / 'usr/lib/modules' / release
    folder.mkdir(parents=True, exist_ok=True)
    stock = kernel / 'lib/modules' / release
    shutil.copytree(stock, folder, dirs_exist_ok=True)
    (tree / 'lib').symlink_to('usr/lib')
    tool('depmod', '-b', tree, release)
    (tree / 'lib').unlink()
    for file in stock.rglob('*.ko') if stacked else []:
        (folder / file.relative_to(stock)).unlink()


def move_into_usr(tree):
    """Debian's /lib is a link to usr/lib: a folder of that name in an upper layer would hide it."""
    for name in ['bin', 'sbin', 'lib']:
        if (tree / name).exists():
            shutil.copytree(tree / name, tree / 'usr' / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(tree / name)


def make_project(build, kernel, release, modules=(), name='project'):
    """The project's layer; with modules for another kernel than that of the Debian layer, and that kernel's."""
    project, stamp = CACHE / f'{name}.squashfs', CACHE / f'{name}.digest'
    tree = CACHE / 'project'
    remove(tree)
    tree.mkdir()
    if (build / 'build.ninja').exists():
        tool('meson', 'install', '--no-rebuild', '--quiet', '-C', build, env=os.environ | {'DESTDIR': str(tree)})
    move_into_usr(tree)
    for module in modules:
        copy_module(module, tree / 'usr/lib/modules' / release / 'updates' / module.name)
    index_modules(tree, kernel, release, stacked=not modules)
    shutil.copytree(HERE / 'guest', tree, symlinks=True, dirs_exist_ok=True)
    (tree / 'usr/libexec').mkdir(exist_ok=True)
    for name in PROGRAMS:
        shutil.copy2(make_program(name), tree / f'usr/libexec/vm-{name}')
    content = digest_tree(tree)
    if not project.exists() or not stamp.exists() or stamp.read_text() != content:
        stamp.unlink(missing_ok=True)
        with made_anew(project) as new:
            tool('mksquashfs', tree, new, '-comp', 'lz4', '-noappend', '-quiet', '-no-progress', '-all-root')
        stamp.write_text(content)
    shutil.rmtree(tree)
    return project


class Image:
    """What one boot needs; making it waits for any other run that is at it."""

    def __init__(self, build, compile_first=True):
        if compile_first:
            compile_project(build)
        CACHE.mkdir(parents=True, exist_ok=True)
        with locked('vm'):
            release = kernel_release()
            kernel = make_kernel(release)
            self.vmlinux = kernel / 'vmlinux'
            self.initramfs = make_initramfs(kernel, release)
            self.debian = make_debian(kernel, release)
            self.project = make_project(build, kernel, release)
