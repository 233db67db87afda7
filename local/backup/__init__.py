"""Backups of a server's database with pg_dump and pg_restore, and the steps TimescaleDB wants around them."""

from local.backup.dumping import BackupReport, back_up
from local.backup.restoring import RestoreReport, restore

__all__ = ["BackupReport", "RestoreReport", "back_up", "restore"]
