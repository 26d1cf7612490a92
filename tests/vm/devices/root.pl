#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completes the machine's configuration, given on standard input, by all PCI functions that Linux has found.
#
# Messages are moderated, so their capabilities are listed by name; everything else behind the header root may write.
# Pages with MSI-X tables are left out of root's memory.
use strict;
use warnings;
no warnings 'portable';

my (@devices, @caps, @tables);

sub read_file { my ($name) = @_; open(my $file, '<:raw', $name) or die "$name: $!\n"; local $/; return scalar <$file> }

# Writable bits of each BAR, and where they are.
sub bars {
	my (@masks, @starts, $upper);
	for my $line ((split /\n/, read_file("$_[0]/resource"))[0 .. 5]) {
		my ($start, $end, $flags) = map { hex } split ' ', $line;
		my $mask = $end ? ~($end - $start) & 0xffffffff : 0;
		push @starts, $start;
		push @masks, $upper ? 0xffffffff : $mask;
		$upper = $end && $flags & 0x100000; # 64 bits: the next one is its upper half
	}
	return (\@masks, \@starts);
}

# Capabilities by their number: offset in configuration space.
sub capabilities {
	my ($config) = @_;
	my %found;
	return %found unless unpack('v', substr($config, 6, 2)) & 0x10;
	for (my $at = ord(substr($config, 0x34, 1)) & 0xfc; $at; $at = ord(substr($config, $at + 1, 1)) & 0xfc) {
		$found{ord(substr($config, $at, 1))} = $at;
	}
	return %found;
}

sub cap { my ($id, $start, $length) = @_; push @caps, qq({ "id": $id, "start": $start, "length": $length, "flags": ["write"] }) }

for my $folder (sort glob '/sys/bus/pci/devices/*') {
	my $config = read_file("$folder/config");
	my ($masks, $starts) = bars($folder);
	my %found = capabilities($config);
	my $type = ord(substr($config, 0x0e, 1)) & 0x7f ? 'bridge' : 'device';
	my ($address) = $folder =~ m{([^/]+)$};
	my $first = @caps;
	my $device = qq("type": "$type", "address": "$address", "bar_masks": [) . join(', ', @$masks) . ']';
	if (my $at = $found{5}) {
		my $control = unpack('v', substr($config, $at + 2, 2));
		my $length = 10 + ($control & 0x80 ? 4 : 0) + ($control & 0x100 ? 10 : 0);
		my @flags = (('"64bit"') x !!($control & 0x80), ('"maskable"') x !!($control & 0x100));
		cap(5, $at, $length);
		$device .= ', "num_msi_vectors": 1, "msi_flags": [' . join(', ', @flags) . ']';
	}
	if (my $at = $found{0x11}) {
		my ($control, $table) = unpack('vV', substr($config, $at + 2, 6));
		my $vectors = ($control & 0x7ff) + 1;
		my $address = $starts->[$table & 7] + ($table & ~7);
		cap(0x11, $at, 12);
		push @tables, $address & ~0xfff;
		$device .= sprintf(', "num_msix_vectors": %u, "msix_region_size": 4096, "msix_address": %u', $vectors, $address);
	}
	cap(0, 0x40, 0xfc0);
	push @devices, "{ $device, \"caps_start\": $first, \"num_caps\": " . (@caps - $first) . ' }';
}

# A region of devices without the pages of MSI-X tables, which are trapped.
sub pieces {
	my ($start, $size) = map { hex } @_;
	my ($at, @pieces) = ($start);
	for my $table (sort { $a <=> $b } grep { $_ >= $start && $_ < $start + $size } @tables) {
		push @pieces, [$at, $table - $at] if $table > $at;
		$at = $table + 4096;
	}
	push @pieces, [$at, $start + $size - $at];
	return join(', ', map { sprintf('{ "phys": "0x%x", "size": "0x%x", "flags": ["read", "write"] }', @$_) } @pieces);
}

my $text = do { local $/; <STDIN> };
my $more = '"pci_caps": [' . join(', ', @caps) . '], "ports":';
$text =~ s/"ports":/$more/ or die "no ports in the configuration\n";
my $all = join(', ', @devices);
$text =~ s/("pci_devices": \[)/$1$all, / or die "no PCI devices in the configuration\n";
$text =~ s/\{[^{}]*"phys": "(0x[0-9a-f]+)",\s*"size": "(0x[0-9a-f]+)",\s*"flags": \["read", "write"\]\s*\}/pieces($1, $2)/ge;
print $text;
