# SPDX-License-Identifier: LGPL-2.1-or-later
"""A world for tests from outside: a folder with a bus, a configuration, a pretended kernel, and a celld on it."""
import os
import subprocess
import time
from pathlib import Path

BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>'''


class World:
    """What runs in the folder, on a bus that all programs started from here take for the system's."""

    def __init__(self, build, folder):
        """build: where celld is built"""
        self.build, self.folder, self.children = Path(build).resolve(), Path(folder), []
        self.folder.chmod(0o755)
        os.environ.update(DBUS_SYSTEM_BUS_ADDRESS=f'unix:path={folder}/bus', CELLD_SIM=folder,
                          RUNTIME_DIRECTORY=f'{folder}/run', STATE_DIRECTORY=f'{folder}/var',
                          CELLD_CONFIG_PATH=f'{folder}/etc:{folder}/run:{folder}/var')
        (self.folder / 'run').mkdir()
        (self.folder / 'var').mkdir()
        (self.folder / 'etc/cells').mkdir(parents=True)
        (self.folder / 'bus.conf').write_text(BUS.format(folder))
        self.log = open(self.folder / 'log', 'w')
        self.bus = self.celld = None

    def define(self, name, text):
        (self.folder / f'etc/cells/{name}.json').write_text(text)

    def start_all(self):
        self.bus = self.start_bus()
        # Makes the state, so that the two that follow do not both begin with it.
        self.sim('delay', 0)
        self.start('sim/celld-sim', 'run')
        self.celld = self.start_celld()

    def start(self, program, *arguments, **options):
        """A program of the build's, or one with its whole path."""
        child = subprocess.Popen([self.build / program, *arguments], stdin=subprocess.DEVNULL, stderr=self.log,
                                 **{'stdout': self.log, **options})
        self.children.append(child)
        return child

    def start_bus(self):
        bus = self.start('/usr/bin/dbus-daemon', f'--config-file={self.folder}/bus.conf', '--nofork')
        wait_for((self.folder / 'bus').exists)
        return bus

    def start_celld(self):
        """Return: the process, once it has its name."""
        celld = self.start('sim/celld-simulated')
        wait_for(lambda: celld.poll() is not None or self.has_name(celld.pid))
        return celld

    def has_name(self, pid):
        """Does the process own celld's name on the bus?"""
        said = subprocess.run(['busctl', '--system', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus',
                               'org.freedesktop.DBus', 'GetConnectionUnixProcessID', 's', 'org.jailhouse.Cell'],
                              capture_output=True, text=True).stdout
        return said.split() == ['u', str(pid)]

    def sim(self, *arguments):
        return subprocess.run([self.build / 'sim/celld-sim', *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip()

    def close(self):
        """End everything that was started."""
        for child in reversed(self.children):
            child.kill()
            child.wait()


def wait_for(condition, seconds=30):
    """Return: did it come true?"""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
