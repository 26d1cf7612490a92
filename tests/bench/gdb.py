# SPDX-License-Identifier: LGPL-2.1-or-later
"""The little of GDB's remote protocol (its manual, "GDB Remote Serial Protocol") that stepping an emulated CPU needs."""
import socket
import struct

REGISTERS = ('rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip').split()


class Gdb:
    """A connection to the emulator's stub. The machine stands still whenever no method is at work."""

    def __init__(self, path, timeout):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.received = b''
        answer = self.ask('qC')
        while not answer.startswith('QC'):
            answer = self._packet()  # That the machine stands still now was told first.

    def ask(self, request):
        """Send a packet, return the answer to it."""
        data = request.encode()
        self.socket.sendall(b'$%s#%02x' % (data, sum(data) & 0xff))
        return self._packet()

    def _packet(self):
        while True:
            start, end = self.received.find(b'$'), self.received.find(b'#')
            if start >= 0 and end > start and len(self.received) >= end + 3:
                packet, self.received = self.received[start + 1:end], self.received[end + 3:]
                self.socket.sendall(b'+')
                return packet.decode()
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError('the emulator ended')
            self.received += data

    def _command(self, request):
        if self.ask(request) != 'OK':
            raise RuntimeError(f'the stub does not take {request}')

    def break_at(self, address):
        self._command(f'Z0,{address:x},1')

    def go_on(self):
        """Let all CPUs run until one comes to a breakpoint; its number, which is also the one looked at from now on."""
        thread = int(self.ask('vCont;c').partition('thread:')[2].partition(';')[0], 16)
        self._command(f'Hg{thread:x}')
        return thread - 1

    def step(self, cpu):
        """Execute one instruction of the CPU looked at, while the others stand still; the address of the next one."""
        self.ask(f'vCont;s:{cpu + 1:x}')
        return self.registers()['rip']

    def registers(self):
        """The general registers of the CPU looked at, by name."""
        return dict(zip(REGISTERS, struct.unpack_from(f'<{len(REGISTERS)}Q', bytes.fromhex(self.ask('g')))))

    def memory(self, address, size):
        """What the CPU looked at sees there."""
        return bytes.fromhex(self.ask(f'm{address:x},{size:x}'))
