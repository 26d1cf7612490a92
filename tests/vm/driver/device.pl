#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# One call of /dev/jailhouse as a program other than ours would do it; prints what comes of it: "ok", or the error's name.
#
#   call NUMBER [ADDRESS]            any ioctl, with an address that is not mapped
#   disable | create FILE [BYTES]    BYTES: size that is claimed
#   start|destroy CELL               CELL: number or name
#   load CELL [FILE:ADDRESS]...      FILE empty: an image of no bytes
#   read BYTES...                    one read after the other of one file, each as "<what was read>"
#   drain                            read until there is nothing, all of it to stderr; then the error or "nothing"
#   wait [SECONDS]                   what comes next, waiting for it; interrupted after so many seconds (1)
use strict;
use warnings;
no warnings 'portable';
use Fcntl;

my ($verb, @args) = @ARGV;
sysopen(my $device, '/dev/jailhouse', O_RDWR | ($verb =~ /^(read|drain)$/ ? O_NONBLOCK : 0)) or die "/dev/jailhouse: $!\n";

sub slurp { my ($name) = @_; open(my $file, '<:raw', $name) or die "$name: $!\n"; local $/; return scalar <$file> }
sub error { return (sort grep { $!{$_} } keys %!)[0] } # EAGAIN has another name, too
sub address { return unpack 'Q', pack 'p', $_[0] }
sub call { return defined ioctl($device, $_[0], $_[1]) ? 'ok' : error() }
sub id { my ($cell) = @_; return $cell =~ /^\d+$/ ? pack('l L x32', $cell, 0) : pack('l L a32', -1, 0, $cell) }

if ($verb eq 'call') {
	print call(hex $args[0], 0 + ($args[1] // 8)), "\n";
} elsif ($verb eq 'disable') {
	print call(1, 0), "\n";
} elsif ($verb eq 'create') {
	my $blob = slurp($args[0]);
	print call(0x40100002, pack('Q L L', address($blob), $args[1] // length $blob, 0)), "\n";
} elsif ($verb eq 'start' || $verb eq 'destroy') {
	print call($verb eq 'start' ? 0x40280004 : 0x40280005, id($args[0])), "\n";
} elsif ($verb eq 'load') {
	my ($cell, @images) = @args;
	my @contents;
	my $argument = id($cell) . pack('L L', scalar @images, 0);
	for (@images) {
		my ($file, $target) = /(.*):(.*)/;
		push @contents, $file ne '' ? slurp($file) : '';
		$argument .= pack('Q Q Q Q', address($contents[-1]), length $contents[-1], hex $target, 0);
	}
	print call(0x40300003, $argument), "\n";
} elsif ($verb eq 'read') {
	for (@args) {
		my $got = sysread($device, my $text, $_);
		print defined $got ? "<$text>\n" : error() . "\n";
	}
} elsif ($verb eq 'drain') {
	my $got;
	print STDERR $_ while $got = sysread $device, $_, 4096;
	print defined $got ? "nothing\n" : error() . "\n";
} elsif ($verb eq 'wait') {
	local $SIG{ALRM} = sub { };
	# What is there already is not waited for.
	fcntl($device, F_SETFL, O_RDWR | O_NONBLOCK);
	1 while sysread($device, my $ignored, 4096);
	fcntl($device, F_SETFL, O_RDWR);
	alarm($args[0] // 1);
	my $got = sysread($device, my $text, 4096);
	print defined $got ? "<$text>\n" : error() . "\n";
} else {
	die "unknown: $verb\n";
}
