// Whose turn it is. One session serves all clients, so a batch runs whole, and a client that has opened
// a transaction keeps the session until it ends it, or is gone.
import { filterFrames, field, parameterStatus } from './protocol.mjs'

const IDLE = 0x49
const [ERROR, NOTICE, NOTIFICATION, READY] = [0x45, 0x4e, 0x41, 0x5a]

/**
 * Queues batches and runs them one after the other.
 *
 * A batch is {bytes, ends, traits}: the messages; whether a Sync or a Query closes it (a Flush does not);
 * and what statements.mjs found in its SQL. A client has: settings, reported, usesAdvisory, listens,
 * statements, and the methods deliver(answer), refuse(batch, error).
 */
export class Scheduler {
  #engine
  #wait
  #queue = []
  #owner = null
  #clients = new Set()
  #draining = false

  constructor(engine, wait) {
    this.#engine = engine
    this.#wait = wait
  }

  join(client) {
    this.#clients.add(client)
  }

  /** Runs a client's batch now, or as soon as nobody else holds a transaction open. */
  submit(client, batch) {
    const entry = { client, batch, timer: null }
    this.#queue.push(entry)
    this.#drain()
    if (this.#queue.includes(entry)) entry.timer = setTimeout(() => this.#giveUp(entry), this.#wait * 1000)
  }

  /** Forgets a client: what it has open is rolled back at once and the next one goes on. */
  leave(client) {
    if (!this.#clients.delete(client)) return
    for (const entry of this.#queue.filter((one) => one.client === client)) this.#remove(entry)
    if (this.#owner === client) {
      this.#engine.rollback()
      this.#owner = null
    }
    if (this.#owner === null) this.#clean(client)
    this.#drain()
  }

  /** Forgets all clients; what is open is rolled back, unless the instance is dead and must not be touched. */
  stop(alive = true) {
    this.#clients.clear()
    this.#queue = []
    if (alive && this.#owner !== null) this.#engine.rollback()
    this.#owner = null
  }

  #drain() {
    if (this.#draining) return
    this.#draining = true
    for (let entry = this.#next(); entry; entry = this.#next()) {
      this.#remove(entry)
      this.#runFor(entry.client, entry.batch)
    }
    this.#draining = false
  }

  #next() {
    return this.#owner === null ? this.#queue[0] : this.#queue.find((entry) => entry.client === this.#owner)
  }

  #remove(entry) {
    clearTimeout(entry.timer)
    this.#queue.splice(this.#queue.indexOf(entry), 1)
  }

  #giveUp(entry) {
    this.#remove(entry)
    entry.client.refuse(entry.batch, {
      code: '55P03',
      text: `another connection has held a transaction open for over ${this.#wait} s, and the embedded database runs one at a time`,
      hint: 'Commit, roll back or close the other connection, or use a server (DATABASE_URL).',
    })
  }

  #runFor(client, batch) {
    if (this.#owner === null) {
      try {
        this.#engine.restore(client.settings)
      } catch (error) {
        if (error.constructor !== Error) throw error // a crash, not what the database says of a setting
        client.refuse(batch, { code: '22023', text: error.message, fatal: true })
        return
      }
    }
    const answer = this.#engine.run(batch.bytes, batch.ends)
    this.#note(client, batch)
    const { bytes, status, notifications } = this.#read(answer)
    this.#owner = status === IDLE ? null : client
    const changes = status === IDLE && client.unsettled ? this.#settle(client) : null
    client.deliver(changes ? withChanges(bytes, changes) : bytes)
    for (const listener of this.#clients) {
      if (listener.listens) notifications.forEach((frame) => listener.deliver(frame))
    }
  }

  #note(client, { traits }) {
    client.unsettled ||= traits.setsSession
    client.resetsAll ||= traits.resetsAll
    client.listens ||= traits.listens
    client.usesAdvisory ||= traits.advisory
  }

  // Takes out what only a debugging build says, and notifications, which go to whoever listens.
  #read(answer) {
    let status = null
    const notifications = []
    const bytes = filterFrames(answer, (type, frame) => {
      if (type === READY) status = frame[5]
      if (type === NOTIFICATION) notifications.push(Buffer.from(frame))
      return type !== NOTIFICATION && !(type === NOTICE && isNoise(frame))
    })
    return { bytes, status, notifications }
  }

  // Remembers the settings a client has made, and says which of those that clients track have changed.
  #settle(client) {
    if (client.resetsAll) this.#engine.applyDefaults()
    client.unsettled = client.resetsAll = false
    client.settings = this.#engine.snapshot()
    const now = this.#engine.query(
      "SELECT name, current_setting(name) FROM unnest(ARRAY['TimeZone', 'DateStyle', 'IntervalStyle']) AS name",
    )
    const changed = now.filter(([name, value]) => client.reported.get(name) !== value)
    changed.forEach(([name, value]) => client.reported.set(name, value))
    return changed
  }

  // What PostgreSQL drops at the end of a session, as far as it can be told apart from the others' here.
  #clean(client) {
    if (this.#clients.size === 0) {
      this.#engine.restore(this.#engine.defaults)
      this.#engine.discard()
      return
    }
    if (client.usesAdvisory && ![...this.#clients].some((other) => other.usesAdvisory)) {
      this.#engine.query('SELECT pg_catalog.pg_advisory_unlock_all()')
    }
    if (client.statements.size > 0) this.#engine.run(client.closeStatements())
  }
}

function isNoise(frame) {
  return field(frame, 'V')?.startsWith('DEBUG') || /^# \d+: aborting transaction \d+$/.test(field(frame, 'M') ?? '')
}

// ParameterStatus must reach the client before the ReadyForQuery that ends the answer (six bytes).
function withChanges(bytes, changes) {
  const statuses = changes.map(([name, value]) => parameterStatus(name, value))
  return Buffer.concat([bytes.subarray(0, -6), ...statuses, bytes.subarray(-6)])
}
