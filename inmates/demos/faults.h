/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Misbehaviour on demand, by command line or by a byte on the console's UART.
 */
#ifndef DEMOS_FAULTS_H
#define DEMOS_FAULTS_H

#include "inmate/types.h"

/** struct faults - lasting misbehaviour that the task set must play along with */
struct faults {
	bool no_beat;	/**< keep running, stop beating */
	bool refuse;	/**< deny each shutdown request */
	bool silent;	/**< leave messages unanswered */
	bool no_status; /**< leave the status text alone */
	bool babble;	/**< print all the time */
};

extern struct faults faults;

/** faults_init - read fault=, after= and the parameters from the command line */
void faults_init(void);

/** faults_poll - commit the fault of the command line when its time has come; @uptime_ms: since start of the tasks */
void faults_poll(u64 uptime_ms);

/** faults_command - commit the fault with key @key. Return: whether there is one */
bool faults_command(char key);

/** faults_help - print all names and keys */
void faults_help(void);

#endif
