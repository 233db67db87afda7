-- Nothing of TimescaleDB's scheduler runs any more but its own upkeep, until each job is scheduled again.
SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000;
