# SPDX-License-Identifier: GPL-2.0-only
# A comment that says which lock a function is called with stands above a check of
# that: lockdep_assert_held() and its like, ioasid_assert_either_lock(), or, of no lock,
# might_sleep() or ioasid_assert_may_wait(). What stands in the head of a file is about all of it.
FNR == 1 {
	comment = said = ""
	at = 0
}

/^\/\*/ {
	comment = ""
	open = 1
}

open {
	line = $0
	gsub(/[ \t]*\*\/.*|^[ \t]*\/?\*+[ \t]?/, "", line)
	comment = comment " " line
	if (/\*\//)
		open = 0
	next
}

# The function below it, if it is one; a declaration, a variable or a blank line is not.
comment != "" && /^[A-Za-z_]/ && !/[;=]$/ {
	text = tolower(comment)
	gsub(/[ \t]+/, " ", text)
	said = text ~ /(lock|locks|rwsem|mutex|srcu)( of it| for read| for write)? (is|are) held/ ||
	       text ~ /no (spin)?lock( of it| of ours)? (is )?held/
	comment = ""
	head = $0
	next
}

/^\{/ && said {
	at = FNR
	checked = 0
	said = ""
	next
}

at && /lockdep_assert|lockdep_is_held|mmap_assert|might_sleep|ioasid_assert_(may_wait|either_lock)/ {
	checked = 1
}

at && /^\}/ {
	if (!checked) {
		sub(/\(.*/, "", head)
		sub(/.*[ *]/, "", head)
		printf "%s:%d: %s() says what is held and does not check it\n", FILENAME, at, head
	}
	at = 0
}

# Arguments on lines of their own belong to the head.
/^[ \t]/ { next }

{ comment = "" }
