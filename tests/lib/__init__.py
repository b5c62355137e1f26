"""Starts the real servers that integration tests and the demo run against. See README.md."""
