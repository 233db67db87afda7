"""Where released migrations, which are never edited, look for what runs their scripts."""

from chandlery.platform.migrations import restore_definitions, run_script

__all__ = ["restore_definitions", "run_script"]
