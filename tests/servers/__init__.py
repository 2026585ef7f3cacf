"""The real servers the tests run against, each started in the foreground on 127.0.0.1 and stopped by its handle.

This package file imports nothing, so that `python -m tests.servers.system_packages` runs before anything is installed.
"""
