// One connection: its handshake, and cutting what it sends into batches.
import { randomInt } from 'node:crypto'
import * as protocol from './protocol.mjs'
import * as sql from './statements.mjs'

const USER = 'postgres'
const PASSWORD = 'postgres'
const DATABASE = 'postgres'
const NO_TRAITS = { setsSession: false, resetsAll: false, listens: false, advisory: false }
let lastId = 0

/** A protocol state machine over one socket; the scheduler calls deliver() and refuse(). */
export class Client {
  #socket
  #scheduler
  #reader = new protocol.MessageReader()
  #state = 'startup'
  #parameters = new Map()
  #pending = [] // messages since the last Sync, Query or Flush
  #traits = { ...NO_TRAITS }
  #skipping = false // a refused batch was not closed by a Sync: all up to it is ignored
  #id = (lastId += 1)
  statements = new Set()
  settings
  reported
  listens = false
  usesAdvisory = false
  unsettled = false
  resetsAll = false

  constructor(socket, engine, scheduler) {
    this.#socket = socket
    this.#scheduler = scheduler
    this.settings = engine.defaults
    this.reported = new Map(engine.reported)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy()) // a reset connection; 'close' follows
    socket.on('close', () => scheduler.leave(this))
    socket.on('data', (chunk) => this.#receive(chunk))
  }

  /** Sends an answer. */
  deliver(bytes) {
    if (bytes.length > 0) this.#socket.write(bytes)
  }

  /** Answers a batch with an error in place of running it. */
  refuse(batch, { code, text, hint, fatal }) {
    if (fatal) return this.terminate(code, text)
    this.deliver(protocol.errorResponse('ERROR', code, text, hint))
    if (batch.ends) this.deliver(protocol.readyForQuery('I'))
    else this.#skipping = true
  }

  /** Says why and closes the connection. */
  terminate(code, text) {
    this.#state = 'closed'
    this.#socket.end(protocol.errorResponse('FATAL', code, text))
    this.#scheduler.leave(this)
  }

  /** Messages that drop this client's prepared statements. */
  closeStatements() {
    return Buffer.concat([...[...this.statements].map(protocol.closeStatement), protocol.sync()])
  }

  #receive(chunk) {
    if (this.#state === 'closed') return
    this.#reader.push(chunk)
    try {
      while (this.#state !== 'closed' && this.#step());
    } catch (error) {
      if (error.constructor !== Error) throw error // not the framing's word about a bad length
      this.terminate('08P01', error.message)
    }
  }

  #step() {
    const bytes = this.#state === 'startup' ? this.#reader.startup() : this.#reader.message()
    if (bytes === null) return false
    if (this.#state === 'startup') this.#start(bytes)
    else if (this.#state === 'password') this.#authenticate(bytes)
    else this.#collect(bytes, String.fromCharCode(bytes[0]))
    return true
  }

  #start(packet) {
    const code = packet.readInt32BE(4)
    if (code === protocol.SSL_REQUEST || code === protocol.GSSENC_REQUEST) this.#socket.write('N')
    else if (code === protocol.CANCEL_REQUEST) this.#close() // a batch cannot be interrupted: nothing to do
    else if (code >> 16 !== 3) this.terminate('0A000', `unsupported frontend protocol ${code >> 16}.${code & 0xffff}`)
    else this.#greet(code, protocol.startupParameters(packet))
  }

  #greet(code, parameters) {
    const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'))
    if (code !== 196608 || unknown.length > 0) this.#socket.write(protocol.negotiateVersion(unknown))
    this.#parameters = parameters
    this.#state = 'password'
    this.#socket.write(protocol.cleartextPasswordRequest())
  }

  #authenticate(bytes) {
    const user = this.#parameters.get('user') ?? ''
    const database = this.#parameters.get('database') || user
    const encoding = this.#parameters.get('client_encoding') ?? 'UTF8'
    if (bytes[0] !== 0x70) return this.terminate('08P01', `expected password response, got message type ${bytes[0]}`)
    if (user !== USER || protocol.text(bytes, 5) !== PASSWORD) {
      return this.terminate('28P01', `password authentication failed for user "${user}"`)
    }
    if (database !== DATABASE) return this.terminate('3D000', `database "${database}" does not exist`)
    if (!/^'?(utf-?8|unicode)'?$/i.test(encoding)) {
      return this.terminate('0A000', 'the embedded database speaks UTF8 only; leave client_encoding alone')
    }
    this.#welcome()
  }

  #welcome() {
    this.#state = 'ready'
    this.reported.set('application_name', this.#parameters.get('application_name') ?? '')
    this.reported.set('is_superuser', 'on').set('session_authorization', USER)
    this.#adoptOptions(this.#parameters.get('options') ?? '')
    this.#scheduler.join(this)
    const statuses = [...this.reported].map(([name, value]) => protocol.parameterStatus(name, value))
    const key = protocol.backendKeyData(process.pid, randomInt(2 ** 31))
    this.deliver(Buffer.concat([protocol.authenticationOk(), ...statuses, key, protocol.readyForQuery('I')]))
  }

  // `options=-c name=value`: settings the client starts with. They are put in force with its first batch.
  #adoptOptions(options) {
    const wanted = [...options.matchAll(/(?:-c\s*|--)([\w.-]+)=((?:\\.|[^\s\\])*)/g)].map(([, name, value]) => [
      name.replaceAll('-', '_'),
      value.replace(/\\(.)/g, '$1'),
    ])
    if (wanted.length === 0) return
    this.settings = JSON.stringify([...JSON.parse(this.settings), ...wanted])
    for (const [name, value] of wanted) {
      const known = [...this.reported.keys()].find((one) => one.toLowerCase() === name.toLowerCase())
      if (known) this.reported.set(known, value)
    }
  }

  #collect(bytes, type) {
    if (type === 'X') return this.#close()
    if ('dcf'.includes(type)) return undefined // left over from a COPY that was refused
    if (!'QPBDECSHF'.includes(type)) return this.terminate('08P01', `invalid frontend message type ${bytes[0]}`)
    this.#pending.push(this.#prepared(bytes, type))
    return 'QSHF'.includes(type) ? this.#flush(type !== 'H') : undefined
  }

  #prepared(bytes, type) {
    const prefix = `client_${this.#id}_`
    if (type === 'P' && bytes[5] !== 0) this.statements.add(prefix + protocol.text(bytes, 5))
    const named = sql.withPrefix(bytes, type, prefix)
    if (type !== 'Q' && type !== 'P') return named
    const statement = sql.statementText(named, type)
    if (sql.deallocatesAll(statement)) return sql.withStatement(named, type, sql.deallocating(prefix))
    const { refusal, ...traits } = sql.inspect(statement)
    if (refusal) return sql.withStatement(named, type, sql.failing(refusal))
    for (const name of Object.keys(traits)) this.#traits[name] ||= traits[name]
    return named
  }

  #flush(ends) {
    const batch = { bytes: Buffer.concat(this.#pending), ends, traits: this.#traits }
    this.#pending = []
    this.#traits = { ...NO_TRAITS }
    if (!this.#skipping) return this.#scheduler.submit(this, batch)
    if (!ends) return undefined
    this.#skipping = false
    return this.deliver(protocol.readyForQuery('I'))
  }

  #close() {
    this.#state = 'closed'
    this.#socket.end()
    this.#scheduler.leave(this)
  }
}
