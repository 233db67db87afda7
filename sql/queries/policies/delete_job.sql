-- Removes a job, if it is still there.
SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id = :'job_id'::integer;
