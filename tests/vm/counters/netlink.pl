#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the kernel module tells over generic netlink.
#
#   dump      a line "CELL CPU COUNTER..." for each CPU of each cell
#   events    a line "NUMBER EVENT CELL STATE" for each event, as it comes; "ready" first
use strict;
use warnings;
use Socket;

use constant { NETLINK => 16, GENERIC => 16, REQUEST => 1, DUMP => 0x300, ERROR => 2, DONE => 3 };
use constant { CONTROLLER => 16, GET_FAMILY => 3, FAMILY_ID => 1, FAMILY_NAME => 2, GROUPS => 7, GROUP_ID => 2 };
use constant { SOL_NETLINK => 270, ADD_MEMBERSHIP => 1 };

# kmod/uapi/cell.h
use constant { GET_CELL => 2, SEQ => 1, EVENT => 2, CELL_NAME => 4, CELL_STATE => 5, CPU => 7, CPU_STATS => 16, COUNTERS => 18 };
my @events = qw(- enabled disabled created loadable started state cpu-parked failed destroyed refused);

socket(my $socket, NETLINK, SOCK_RAW, GENERIC) or die "socket: $!\n";

# Attributes as a list of type and value, in their order.
sub attributes {
	my ($bytes) = @_;
	my @all;
	while (length $bytes >= 4) {
		my ($length, $type) = unpack 'S S', $bytes;
		push @all, [$type & 0x3fff, substr $bytes, 4, $length - 4];
		my $next = $length + 3 & ~3;
		$bytes = $next < length $bytes ? substr $bytes, $next : '';
	}
	return @all;
}

# The attributes of each message that answers.
sub ask {
	my ($family, $flags, $command, $payload) = @_;
	send($socket, pack('L S S L L C C S', 20 + length $payload, $family, REQUEST | $flags, 1, 0, $command, 1, 0) . $payload, 0)
		or die "send: $!\n";
	my @answers;
	while (1) {
		defined recv($socket, my $bytes, 1 << 20, 0) or die "recv: $!\n";
		while (length $bytes) {
			my ($length, $type) = unpack 'L S', $bytes;
			return @answers if $type == DONE;
			die 'refused: ' . unpack('l', substr $bytes, 16) . "\n" if $type == ERROR;
			push @answers, [attributes(substr $bytes, 20, $length - 20)];
			return @answers unless $flags & DUMP;
			$bytes = substr $bytes, $length + 3 & ~3;
		}
	}
}

my ($family) = ask(CONTROLLER, 0, GET_FAMILY, pack('S S a12', 4 + 10, FAMILY_NAME, 'jailhouse'));
my ($id) = map { unpack 'S', $_->[1] } grep { $_->[0] == FAMILY_ID } @$family;

if ($ARGV[0] eq 'events') {
	my ($groups) = map { $_->[1] } grep { $_->[0] == GROUPS } @$family;
	my ($group) = map { unpack 'L', $_->[1] } grep { $_->[0] == GROUP_ID } attributes((attributes($groups))[0][1]);
	setsockopt($socket, SOL_NETLINK, ADD_MEMBERSHIP, pack 'L', $group) or die "setsockopt: $!\n";
	$| = 1;
	print "ready\n";
	while (defined recv($socket, my $bytes, 1 << 16, 0)) {
		my %of = map { @$_ } attributes(substr $bytes, 20);
		my $name = $of{+CELL_NAME} // '-';
		my $state = $of{+CELL_STATE} // pack 'L', 0;
		print join(' ', unpack('Q', $of{+SEQ}), $events[unpack 'L', $of{+EVENT}], unpack('Z*', $name), unpack('L', $state)), "\n";
	}
	die "recv: $!\n";
}

for my $cell (ask($id, DUMP, GET_CELL, '')) {
	my ($name) = map { unpack 'Z*', $_->[1] } grep { $_->[0] == CELL_NAME } @$cell;
	for (grep { $_->[0] == CPU_STATS } @$cell) {
		my %of_cpu = map { @$_ } attributes($_->[1]);
		print join(' ', $name, unpack('L', $of_cpu{+CPU}), unpack('L*', $of_cpu{+COUNTERS})), "\n";
	}
}
