#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# serve.py FOLDER PORT: its files on loopback, *.om as OpenMetrics.
import functools
import http.server
import sys

Handler = http.server.SimpleHTTPRequestHandler
Handler.extensions_map[".om"] = "application/openmetrics-text; version=1.0.0; charset=utf-8"
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])),
                                functools.partial(Handler, directory=sys.argv[1])).serve_forever()
