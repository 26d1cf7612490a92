# SPDX-License-Identifier: LGPL-2.1-or-later
"""One emulated machine: starts QEMU, runs commands in it through the agent (agent.c), and ends it.

Its folder holds three logs: hypervisor.log (COM1), console.log (Linux, COM2), cell.log (what a cell sends on COM3).
COM4 (/dev/ttyS3) is wired to COM3: Linux reads there what the cell sends, and what Linux writes the cell receives.
A machine has one deadline; whoever waits for it gets Hung when that has passed, Died when QEMU ended by itself, or
Confused when QEMU made a mistake.
"""
import ctypes
import json
import os
import re
import selectors
import signal
import socket
import struct
import subprocess
import time

import backports
from cable import Cable

KERNEL_ARGUMENTS = ('console=ttyS1,115200 quiet loglevel=5 mitigations=off audit=0 apparmor=0 selinux=0 '
                    'cryptomgr.notests no_timer_check tsc=reliable raid=noautodetect net.ifnames=0 oops=panic panic=-1 '
                    'systemd.show_status=0')
LOGS = ['hypervisor.log', 'console.log', 'cell.log']
# Interrupt remapping lets Linux run x2APIC; DMA is not remapped.
X2APIC_DEVICE = 'intel-iommu,intremap=on,eim=on'
X2APIC_APPEND = 'intel_iommu=off'
PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 2  # from one look at the hypervisor's log to the next
# A fault of QEMU's (7.2 and 10.0), seen once in half an hour of a loaded machine: behind an exit of AMD-V it goes on with
# nested paging, and takes the hypervisor's next instruction for one of the guest. RIP, stack and page tables of that "guest"
# are the hypervisor's own, which #VMEXIT of no CPU brings about (AMD APM vol.2 15.6). Mostly it is Linux that loses the CPU,
# and stalls.
CONFUSED = re.compile(r'cell \S+: CPU \d+ parked: page table in memory[^\n]*\n(?:[^\n]*\n){4}RIP=fffffc')


class Hung(Exception):
    """The deadline passed."""


class Died(Exception):
    """QEMU ended before the command did, or for the reason in the text."""


class Confused(Exception):
    """QEMU made the mistake that CONFUSED describes; the text says so."""


def add_machine_options(parser):
    """Add the options that describe a machine to an argument parser."""
    add = parser.add_argument
    add('--cpus', type=int, default=4, help='number of CPUs (4)')
    add('--cpu', metavar='MODEL', default='qemu64,+svm,+npt,+rdrand',
        help='CPU model and features; qemu64 has AMD-V unless -svm (%(default)s)')
    add('--memory', metavar='SIZE', default='1536M', help='RAM (%(default)s)')
    add('--reserve', metavar='SIZE$ADDR', default='82M$0x3a000000',
        help='RAM kept from Linux for hypervisor and cells, or none (%(default)s)')
    add('--append', metavar='ARGS', default='', help='more arguments for the kernel')
    add('--device', metavar='DEVICE', action='append', default=[], help='one more device, as QEMU names it')
    add('--qemu', metavar='BIN', default='qemu-system-x86_64', help='emulator (%(default)s)')
    add('--kernel', choices=['stable', 'backports'], default='stable', help='whose kernel of Debian (%(default)s)')
    add('--gdb', metavar='SOCKET', help='a debugger may connect there to the emulator')
    add('--x2apic', action='store_true',
        help=f'x2APIC and Intel interrupt remapping, by the emulator of {backports.SUITE}')


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """A booting machine; use it in a with statement, so that QEMU ends in any case.

    options: those of add_machine_options(), and share: a folder for /share, or None. Set deadline (monotonic clock) at
    any time.
    """

    def __init__(self, image, folder, options):
        emulator, environment = backports.emulator() if options.x2apic else ([options.qemu], os.environ)
        self.folder = folder
        self.options = options
        self.deadline = None
        self.received = b''
        self.next_look = 0
        self.selector = selectors.DefaultSelector()
        self.agent, agent_end = socket.socketpair()
        self.monitor, monitor_end = socket.socketpair()
        self.cell, cell_end = socket.socketpair()
        self.line, line_end = socket.socketpair()
        self.selector.register(self.agent, selectors.EVENT_READ, self._read_agent)
        Cable(self.selector, self.cell, self.line)
        ends = [agent_end, monitor_end, cell_end, line_end]
        numbers = [end.fileno() for end in ends]
        command = emulator + self._arguments(image, *numbers)
        (folder / 'hypervisor.log').touch()
        with open(folder / 'qemu.log', 'wb') as log:
            self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=numbers,
                                         env=environment, preexec_fn=die_with_parent, start_new_session=True)
        for end in ends:
            end.close()

    def _arguments(self, image, agent, monitor, cell, line):
        options = self.options
        arguments, cpu, devices = f'{KERNEL_ARGUMENTS} {options.append}', options.cpu, options.device
        if options.x2apic:
            arguments, cpu, devices = f'{arguments} {X2APIC_APPEND}', f'{cpu},+x2apic', [X2APIC_DEVICE, *devices]
        if options.reserve != 'none':
            arguments += f' memmap={options.reserve}'
        command = ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', cpu, '-smp', str(options.cpus),
                   '-m', options.memory, '-nodefaults', '-display', 'none', '-no-reboot',
                   '-kernel', str(image.vmlinux), '-initrd', str(image.initramfs),
                   '-append', arguments,
                   '-chardev', f'socket,id=monitor,fd={monitor}', '-mon', 'chardev=monitor,mode=control',
                   '-chardev', f'socket,id=agent,fd={agent}', '-device', 'virtio-serial-pci',
                   '-device', 'virtserialport,nr=1,chardev=agent']
        for layer in [image.debian, image.project]:
            command += ['-drive', f'file={layer},if=virtio,format=raw,readonly=on']
        hypervisor_log, console_log, cell_log = [self.folder / log for log in LOGS]
        for number, port, irq, backend in [(1, 0x3f8, 4, f'file,path={hypervisor_log}'),
                                           (2, 0x2f8, 3, f'file,path={console_log}'),
                                           (3, 0x3e8, 4, f'socket,fd={cell},logfile={cell_log}'),
                                           (4, 0x2e8, 5, f'socket,fd={line}')]:
            command += ['-chardev', f'{backend},id=com{number}',
                        '-device', f'isa-serial,chardev=com{number},iobase={port:#x},irq={irq}']
        for device in devices:
            command += ['-device', device]
        if options.gdb:
            command += ['-gdb', f'unix:{options.gdb},server=on,wait=off']
        if options.share:
            command += ['-virtfs', f'local,path={options.share},mount_tag=share,security_model=none,multidevs=remap']
        return command

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()
        self.selector.close()
        for end in [self.agent, self.monitor, self.cell, self.line]:
            end.close()

    def wait_until_booted(self):
        """Return once the agent answers and systemd has nothing left to start."""
        self._send('P', b'boot')
        while self._receive() != ('P', b'boot'):
            pass
        script = 'timeout 60 systemctl is-system-running --wait >/dev/null; stty -F /dev/ttyS3 raw -echo'
        if self.options.share:
            script += ('; mkdir -p /share && '
                       'mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none share /share')
        if self.run_quietly(script) and self.options.share:
            raise Died(': cannot mount /share')

    def wait_until_off(self):
        """Return once the machine is off; commands that it still runs are lost."""
        try:
            while True:
                self._receive()
        except Died:
            self.qemu.wait()

    def run(self, command, out, error):
        """Run a command, hand its output to out and error, return its exit status."""
        self._send('R', command.encode())
        while True:
            kind, data = self._receive()
            if kind == 'O':
                out(data)
            elif kind == 'E':
                error(data)
            elif kind == 'X':
                return struct.unpack('<I', data)[0]

    def run_quietly(self, command):
        return self.run(command, lambda data: None, lambda data: None)

    def run_on_terminal(self, command, keyboard, screen):
        """Run a command on a terminal of its own that is shown on ours, return its exit status."""
        def size():
            columns, rows = os.get_terminal_size(keyboard)
            return struct.pack('<HH', rows, columns)

        signal.signal(signal.SIGWINCH, lambda *_: self._send('W', size()))
        self.selector.register(keyboard, selectors.EVENT_READ, lambda: self._send('I', os.read(keyboard, 4096)))
        self._send('T', size() + command.encode())
        try:
            while True:
                kind, data = self._receive()
                if kind == 'O':
                    os.write(screen, data)
                elif kind == 'X':
                    return struct.unpack('<I', data)[0]
        finally:
            self.selector.unregister(keyboard)
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)

    def save_registers(self):
        """Write the registers of all CPUs to registers.log, return what tells where each one stands."""
        request = {'execute': 'human-monitor-command', 'arguments': {'command-line': 'info registers -a'}}
        self.monitor.settimeout(5)
        self.monitor.sendall(b'{"execute": "qmp_capabilities"}' + json.dumps(request).encode())
        try:
            with self.monitor.makefile() as answers:
                for line in answers:
                    text = json.loads(line).get('return')
                    if text:
                        (self.folder / 'registers.log').write_text(text.replace('\r', ''))
                        return [line.strip() for line in text.splitlines() if re.match('CPU#|[ER]IP=|CR0=', line)]
        except TimeoutError:
            pass
        return ['QEMU itself hangs']

    def last_words(self, lines=40):
        """What the consoles of Linux and of the hypervisor said last, as lines of text."""
        for log in ['console.log', 'hypervisor.log']:
            said = (self.folder / log).read_text(errors='replace').splitlines()[-lines:]
            yield from (f'{log}: {line}' for line in said)

    def look(self):
        """Raise Confused if that has happened."""
        if CONFUSED.search((self.folder / 'hypervisor.log').read_text(errors='replace')):
            raise Confused(': the emulator took the hypervisor for a guest')

    def _send(self, kind, data):
        try:
            self.agent.sendall(struct.pack('<II', ord(kind), len(data)) + data)
        except BrokenPipeError:
            pass  # The next receive says so.

    def _receive(self):
        """The next frame of the agent: (kind, data)."""
        while True:
            if len(self.received) >= 8:
                kind, length = struct.unpack('<II', self.received[:8])
                if len(self.received) >= 8 + length:
                    data, self.received = self.received[8:8 + length], self.received[8 + length:]
                    return chr(kind), data
            now = time.monotonic()
            if self.deadline is not None and now >= self.deadline:
                raise Hung()
            if now >= self.next_look:
                self.next_look = now + LOOK_SECONDS
                self.look()
            for key, _ in self.selector.select(self.next_look - now):
                key.data()

    def _read_agent(self):
        try:
            data = self.agent.recv(1 << 20)
        except ConnectionResetError:
            data = b''
        if not data:
            raise Died()
        self.received += data
