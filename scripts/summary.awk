# Closes a log of `cargo test -- --show-output`: each reason to skip once, with the number of tests that gave it, then
# one line of counts. A test that skipped is not counted as passed.

/^test result: / { passed += $4; failed += $6 }

# libtest does not count these as passed.
/^test .* \.\.\. ignored/ { skip("", "marked #[ignore]" substr($0, index($0, "... ignored") + 11)) }

# The heading above what one test printed.
/^---- .* stdout ----$/ { current = $2 }
/^test result: |^successes:$|^failures:$/ { current = "" }

/^skipped: / { skip(current, substr($0, 10)) }

function skip(test, reason) {
    if (!(reason in tests)) order[++reasons] = reason
    tests[reason]++
    if (test != "" && !(test in skipping)) {
        skipping[test]
        instead++
    }
    skipped++
}

END {
    print ""
    for (i = 1; i <= reasons; i++)
        print "skipped: " order[i] (tests[order[i]] > 1 ? " (" tests[order[i]] " times)" : "")
    printf "tests: %d passed, %d failed, %d skipped\n", passed - instead, failed, skipped
    if (passed + failed == 0) {
        print "no test ran" > "/dev/stderr"
        exit 1
    }
}
