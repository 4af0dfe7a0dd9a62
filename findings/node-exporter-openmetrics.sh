#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# node_exporter 1.9.0 reads a textfile as Prometheus' text format 0.0.4 alone:
#
# - valid OpenMetrics with a metric of type "info" is thrown away as a whole, the
#   gauge beside it included, and node_textfile_scrape_error is 1;
# - without it the file is taken, but a counter, whose TYPE and HELP name it
#   without "_total" in OpenMetrics, comes out as untyped and with a help text of
#   node_exporter's own: rate() works, what looks at the type does not.
#
# A tool that writes for node_exporter has to write 0.0.4, whatever it is called.
. "$(dirname "$0")/debian.sh"

debian prometheus-node-exporter=1.9.0-1+b4 libc6
exporter=$tmp/root/usr/bin/prometheus-node-exporter
mkdir "$tmp/text"

# scrape PORT: what a server sees of the file.
scrape() {
	"$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$exporter" --web.listen-address="127.0.0.1:$1" --collector.disable-defaults \
		--web.disable-exporter-metrics --collector.textfile \
		--collector.textfile.directory="$tmp/text" 2>"$tmp/log" &
	server=$!
	perl -MIO::Socket::INET -e '
		for (1 .. 100) {
			$s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") and last;
			select undef, undef, undef, 0.1;
		}
		$s or die "the exporter does not answer\n";
		print $s "GET /metrics HTTP/1.0\r\n\r\n";
		print while <$s>' "$1" | tr -d '\r' >"$tmp/answer"
	kill "$server"
	wait "$server" 2>/dev/null || :
	server=
}

cat >"$tmp/text/a.prom" <<'END'
# TYPE demo_build info
# HELP demo_build What was built.
demo_build_info{version="1"} 1
# TYPE demo_temperature gauge
# HELP demo_temperature Degrees.
demo_temperature 21
# EOF
END
scrape 19101
same "a file with an info metric" "$(grep -c '^demo_' "$tmp/answer"), error $(sed -n 's/^node_textfile_scrape_error //p' "$tmp/answer")" "0, error 1"
grep -o 'unknown metric type[^,]*' "$tmp/log" | head -n 1

cat >"$tmp/text/a.prom" <<'END'
# TYPE demo_maps counter
# HELP demo_maps Maps that went well.
demo_maps_total 7
# EOF
END
scrape 19102
seen=$(grep demo_maps "$tmp/answer" | sed "s,$tmp,DIR,")
same "a counter in OpenMetrics" "$(echo "$seen" | grep -v '^# HELP'), error $(sed -n 's/^node_textfile_scrape_error //p' "$tmp/answer")" "# TYPE demo_maps_total untyped
demo_maps_total 7, error 0"
echo "$seen"
