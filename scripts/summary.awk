# Closes a log of `cargo test -- --show-output`: what the fault tests tried and lost, each reason to skip once, with the
# number of times it was given, then one line of counts. A test that skipped is not counted as passed.

/^running [0-9]+ tests?$/ { running = 1 }
/^test result: / { passed += $4; failed += $6; running = 0 }

# libtest does not count these as passed.
/^test .* \.\.\. ignored/ { note("marked #[ignore]" substr($0, index($0, "... ignored") + 11)) }

# The heading above what one test printed.
/^---- .* stdout ----$/ { test = $2 }
/^test result: |^successes:$|^failures:$/ { test = "" }

# A test that wrote past libtest speaks while others run, on one core in the midst of its own line.
/^skipped: |^test .* \.\.\. skipped: / {
    note(substr($0, index($0, "skipped: ") + 9))
    if (test != "" ? !(test in skipping) : running) instead++
    if (test != "") skipping[test]
}

/^faults: / { fault[++faults] = $0 }

function note(reason) {
    if (!(reason in times)) order[++reasons] = reason
    times[reason]++
    skipped++
}

END {
    print ""
    for (i = 1; i <= faults; i++) print fault[i]
    for (i = 1; i <= reasons; i++)
        print "skipped: " order[i] (times[order[i]] > 1 ? " (" times[order[i]] " times)" : "")
    printf "tests: %d passed, %d failed, %d skipped\n", passed - instead, failed, skipped
    if (passed + failed == 0) {
        print "no test ran" > "/dev/stderr"
        exit 1
    }
}
