# SPDX-License-Identifier: GPL-2.0-only
#
# Used by the findings: perl tracedat.pl FILE writes a trace.dat of version 6 with
# one record of each event that it reads. An event is these lines:
#	event NAME
#	field SIZE SIGNED VALUE DECLARATION	(as many as it has; a number, or 0x and bytes)
#	print FORMAT
use strict;
use warnings;

my ($file) = @ARGV;
my %pack = (1 => "c", 2 => "s<", 4 => "l<", 8 => "q<");
my (@events, $event);
while (<STDIN>) {
	if (/^event (\S+)/) {
		$event = { name => $1, fields => "", data => "", id => 100 + @events };
		push @events, $event;
	} elsif (/^field (\d+) ([01]) (\S+) (.+)/) {
		my ($size, $signed, $value, $declaration) = ($1, $2, $3, $4);
		my $offset = 8 + length $event->{data};
		$event->{fields} .= "\tfield:$declaration;\toffset:$offset;\tsize:$size;\tsigned:$signed;\n";
		$event->{data} .= $value =~ s/^0x// ? pack("H*", $value) : pack($pack{$size}, $value);
	} elsif (/^print (.*)/) {
		$event->{print} = $1;
	}
}

sub field { return sprintf "\tfield:%s;\toffset:%d;\tsize:%d;\tsigned:%d;\n", @_ }
my $page = field("u64 timestamp", 0, 8, 0) . field("local_t commit", 8, 8, 1) .
	field("int overwrite", 8, 1, 1) . field("char data", 16, 4080, 1);
my $common = field("unsigned short common_type", 0, 2, 0) . field("unsigned char common_flags", 2, 1, 0) .
	field("unsigned char common_preempt_count", 3, 1, 0) . field("int common_pid", 4, 4, 1);

my $entry = "# compressed entry header\n";
my $out = "\x17\x08\x44tracing6\0" . pack("CCV", 0, 8, 4096);
$out .= "header_page\0" . pack("Q<", length $page) . $page . "header_event\0" . pack("Q<", length $entry) . $entry;
$out .= pack("V2", 0, 1) . "demo\0" . pack("V", scalar @events);
my $records = "";
for (@events) {
	my $format = "name: $_->{name}\nID: $_->{id}\nformat:\n$common\n$_->{fields}\nprint fmt: $_->{print}\n";
	$out .= pack("Q<", length $format) . $format;
	my $record = pack("vCCV", $_->{id}, 0, 0, 42) . $_->{data};
	$record .= "\0" x (-length($record) % 4);
	$records .= pack("V", (1000 << 5) | (length($record) / 4)) . $record;
}
my $names = "42 demo\n";
$out .= pack("V2", 0, 0) . pack("Q<", length $names) . $names;
$out .= pack("V", 1) . "options  \0" . pack("v", 0) . "flyrecord\0";
my $start = (length($out) + 16 + 4095) & ~4095;
$out .= pack("Q<2", $start, 4096);
$out .= "\0" x ($start - length $out) . pack("Q<2", 1_000_000_000, length $records) . $records;
$out .= "\0" x ($start + 4096 - length $out);

open my $to, ">:raw", $file or die "$file: $!\n";
print $to $out;
close $to or die "$file: $!\n";
