-- Five questions that people ask of `security_events`, for every ClickHouse from 18.16 on.
-- FINAL counts once what was delivered twice. Times are UTC.

-- 1. What was alerted on in the last day, the newest first?
SELECT time, host, workload, level, anomaly_score, parent, name, command, reason, nearest, id
FROM security_events FINAL
WHERE date >= toDate(now() - 86400) - 1 AND time >= now() - 86400 AND first = 1
ORDER BY time DESC, id
LIMIT 100;

-- 2. Which workloads are the noisy ones: how much do they run, how much of it is novel, how many alerts is that?
SELECT workload, count() AS executions, sum(novel) AS novel_executions, sum(first) AS alerts,
    round(100 * sum(novel) / count(), 2) AS novel_percent, max(anomaly_score) AS highest_score
FROM security_events FINAL
WHERE date >= today() - 7
GROUP BY workload
ORDER BY alerts DESC, novel_executions DESC, workload
LIMIT 50;

-- 3. What else happened on that machine in the ten minutes around its newest alert? (Put an alert's host and time there
--    to ask about that one.)
SELECT time, workload, uid, grandparent, parent, name, command, anomaly_score, level
FROM security_events FINAL
WHERE date >= today() - 7
    AND host = (SELECT argMax(host, micros) FROM security_events WHERE first = 1 AND date >= today() - 7)
    AND time >= (SELECT max(time) FROM security_events WHERE first = 1 AND date >= today() - 7) - 600
    AND time <= (SELECT max(time) FROM security_events WHERE first = 1 AND date >= today() - 7) + 600
ORDER BY micros, id
LIMIT 1000;

-- 4. What is novel in more than one place: on how many machines has each of the novel commands been run, where first?
SELECT command, uniqExact(host) AS hosts, uniqExact(workload) AS workloads, count() AS times, min(time) AS first_time,
    argMin(host, micros) AS first_host
FROM security_events FINAL
WHERE date >= today() - 7 AND novel = 1
GROUP BY command
ORDER BY hosts DESC, times DESC, command
LIMIT 50;

-- 5. What is held and comes again, so that somebody should approve or deny it?
SELECT workload, parent, name, uid, command, uniqExact(date) AS days, count() AS times, max(time) AS last_time,
    argMax(reason, micros) AS why
FROM security_events FINAL
WHERE date >= today() - 30 AND held = 1
GROUP BY workload, parent, name, uid, command
ORDER BY days DESC, times DESC, command
LIMIT 50;
