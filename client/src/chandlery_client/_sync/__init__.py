"""The client for other programs; made of `_async` by `tools/make_sync.py`, but for the shell and the writer."""
