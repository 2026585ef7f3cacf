"""Words that every room may use: errors, time, ids, keys, logs, the HTTP client. Imports nothing of ours."""
