"""Backups of a server's database: with pg_dump and pg_restore, and of its rows alone, by COPY."""

from local.backup.data_archive import is_data_archive
from local.backup.data_dumping import DataBackupReport, back_up_data
from local.backup.data_restoring import DataRestoreReport, restore_data
from local.backup.dumping import BackupReport, back_up
from local.backup.restoring import RestoreReport, restore

__all__ = [
    "BackupReport",
    "DataBackupReport",
    "DataRestoreReport",
    "RestoreReport",
    "back_up",
    "back_up_data",
    "is_data_archive",
    "restore",
    "restore_data",
]
