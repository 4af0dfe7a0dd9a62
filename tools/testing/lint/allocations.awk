# SPDX-License-Identifier: GPL-2.0-only
#
# Allocations in C files: one line each, "FILE FUNCTION CALL PAYS". A call counts
# if its name says so (alloc, dup, create, xa_store, ...) or one of its arguments is
# a GFP flag or a variable gfp, and if none of the files defines it: what our own
# functions allocate is seen inside of them. FUNCTION is - outside of functions, and
# the macro's name within a macro. PAYS is what the arguments say: "cgroup" (they name
# ACCOUNT), "passed" (flags that they were passed, or those of a cache), or "kernel".
#
# Each file is named twice, because definitions are collected first:
#	awk -f allocations.awk FILE... pass=2 FILE...

function name_of(line, at) {
	match(substr(line, 1, at - 1), /[A-Za-z_][A-Za-z0-9_]*$/)
	return substr(line, RSTART, RLENGTH)
}

# Without comments and strings; a comment may go on in the next line.
function clean(line, out, at) {
	out = ""
	gsub(/\\"/, "", line)
	gsub(/"[^"]*"/, "\"\"", line)
	while (line != "") {
		if (comment) {
			at = index(line, "*/")
			if (!at)
				return out
			line = substr(line, at + 2)
			comment = 0
		}
		at = index(line, "/*")
		if (!at)
			break
		out = out substr(line, 1, at - 1)
		line = substr(line, at + 2)
		comment = 1
	}
	line = out line
	sub(/\/\/.*/, "", line)
	return line
}

function allocates(name) {
	return name !~ /^memalloc_|^VM_|_free$|_allocated$/ &&
	       name ~ /alloc|dup($|_)|asprintf|create|KMEM_CACHE|^_*(xa|xas)_(init|store|insert|cmpxchg|reserve|nomem)|^(DEFINE_)(XARRAY|IDA|IDR|MTREE)|^mtree_|^mas_(store|preallocate|expected)|^(map|idr|radix_tree|rhashtable)_(pages|range|insert|preload|init)|get_(free|zeroed)_page|^(single|seq)_open|^kthread_run|^percpu_(init|ref_init|counter_init)|^init_srcu_struct|^mempool_init|^bioset_init|^anon_inode_get/
}

# The arguments of a call whose parenthesis is at @at.
function arguments(text, at, depth, i, c) {
	depth = 0
	for (i = at; i <= length(text); i++) {
		c = substr(text, i, 1)
		depth += (c == "(") - (c == ")")
		if (!depth)
			return substr(text, at + 1, i - at - 1)
	}
	return substr(text, at + 1)
}

# The arguments themselves, without those of calls among them.
function flat(args) {
	while (gsub(/\([^()]*\)/, "", args))
		;
	return args
}

function pays(call, args) {
	if (args ~ /ACCOUNT/)
		return "cgroup"
	# Of a cache, the cache says it.
	if (call ~ /^kmem_cache_/ || args ~ GFP)
		return "passed"
	return args ~ /GFP_|XA_FLAGS|SLAB_/ ? "kernel" : "passed"
}

# A call, unless it is one of ours; one through a pointer is never ours.
function look(text, call, at, args, outside) {
	while (match(text, /[A-Za-z_][A-Za-z0-9_]*\(/)) {
		call = substr(text, RSTART, RLENGTH - 1)
		outside = RSTART > 1 && substr(text, RSTART - 1, 1) ~ /[>.]/
		at = RSTART + RLENGTH - 1
		args = arguments(text, at)
		if (call !~ /^(if|while|for|switch|return|sizeof|typeof)$/ &&
		    (outside || !(call in ours) && call !~ /^_*ioasid_/) &&
		    (allocates(call) || flat(args) ~ /GFP_/ || flat(args) ~ GFP))
			print FILENAME, (fn == "" ? "-" : fn), call, pays(call, args)
		text = substr(text, at)
	}
}

BEGIN {
	GFP = "(^|[^A-Za-z_])gfp([^A-Za-z_]|$)"
}

FNR == 1 {
	comment = 0
	fn = ""
	pending = ""
}

{
	line = clean($0)
	if (line ~ /^#[ \t]*define/) {
		match(line, /define[ \t]+[A-Za-z0-9_]+/)
		fn = substr(line, RSTART, RLENGTH)
		sub(/define[ \t]+/, "", fn)
		sub(/^#[ \t]*define[ \t]+[A-Za-z0-9_]+(\([^)]*\))?/, "", line)
		macro = 1
	} else if (line ~ /^#/) {
		next
	} else if (!macro && line ~ /^[A-Za-z_][A-Za-z0-9_ *]*\(/ && line !~ /^[A-Z_0-9]+\(/ &&
		   line !~ /;[ \t]*$/ && line !~ /=/) {
		# A definition begins in the first column, and is no declaration.
		fn = name_of(line, index(line, "("))
		if (pass != 2)
			ours[fn] = 1
		head = 1
	}
	# What follows a head, up to the brace, are its parameters.
	if (head) {
		if (line ~ /^\{/ || line ~ /\{[ \t]*$/ || line ~ /;[ \t]*$/)
			head = 0
		next
	}
	if (pass == 2) {
		more = sub(/\\[ \t]*$/, "", line)
		pending = pending " " line
		if (macro ? !more : line ~ /[;{}][ \t]*$/) {
			look(pending)
			pending = ""
		}
	} else {
		more = line ~ /\\[ \t]*$/
	}
	if (macro && !more) {
		macro = 0
		fn = ""
	}
	if (line ~ /^}/)
		fn = ""
}
