#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of the latency benchmark that runs in the test machine; arguments are those of the measuring program.
. /share/lib.sh

configure rtos 's/"StartLimitBurst": .*/"StartLimitBurst": 100000,/; s/"RestartUSec": .*/"RestartUSec": "1ms",/
	s/"RestartMaxUSec": .*/"RestartMaxUSec": "1ms",/; s/"HeartbeatTimeoutUSec": .*/"HeartbeatTimeoutUSec": "1s",/'
systemctl start jailhouse cell@rtos && exec /share/latency "$@"
