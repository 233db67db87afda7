// The PostgreSQL wire protocol, version 3: framing and the few messages this server makes itself.
// Pure functions and one small buffer; nothing here knows of sockets or of the database.

export const SSL_REQUEST = 80877103
export const GSSENC_REQUEST = 80877104
export const CANCEL_REQUEST = 80877102
const LONGEST_STARTUP = 10_000
const LONGEST_MESSAGE = 1024 ** 3 - 1

/** Cuts a stream of chunks into whole messages, without copying a large one more than once. */
export class MessageReader {
  #chunks = []
  #length = 0

  push(chunk) {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next start-up packet (it has no type byte), or null while it is incomplete. */
  startup() {
    if (this.#length < 4) return null
    const length = this.#peek(4).readInt32BE(0)
    if (length < 8 || length > LONGEST_STARTUP) throw new Error('invalid length of startup packet')
    return this.#length < length ? null : this.#take(length)
  }

  /** The next typed message, header included, or null while it is incomplete. */
  message() {
    if (this.#length < 5) return null
    const length = this.#peek(5).readInt32BE(1)
    if (length < 4 || length > LONGEST_MESSAGE) throw new Error('invalid message length')
    return this.#length < length + 1 ? null : this.#take(length + 1)
  }

  #peek(count) {
    if (this.#chunks[0].length < count) this.#join()
    return this.#chunks[0]
  }

  #take(count) {
    if (this.#chunks[0].length < count) this.#join()
    const first = this.#chunks[0]
    this.#length -= count
    if (first.length === count) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(count)
    return first.subarray(0, count)
  }

  #join() {
    this.#chunks = [Buffer.concat(this.#chunks)]
  }
}

/** A message of the given type around its body's parts. */
export function message(type, ...parts) {
  const body = parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(part)))
  const header = Buffer.alloc(5)
  header.write(type, 0, 'latin1')
  header.writeInt32BE(4 + body.reduce((sum, part) => sum + part.length, 0), 1)
  return Buffer.concat([header, ...body])
}

/** A 32-bit integer as the protocol writes it. */
export function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const cleartextPasswordRequest = () => message('R', int32(3))
export const authenticationOk = () => message('R', int32(0))
export const backendKeyData = (pid, secret) => message('K', int32(pid), int32(secret))
export const parameterStatus = (name, value) => message('S', `${name}\0${value}\0`)
export const readyForQuery = (status) => message('Z', status)
export const query = (sql) => message('Q', `${sql}\0`)
export const closeStatement = (name) => message('C', `S${name}\0`)
export const sync = () => message('S')

/** Tells a client of a newer minor version that this server speaks 3.0, and which options it left out. */
export function negotiateVersion(unknownOptions) {
  const names = unknownOptions.map((name) => Buffer.from(`${name}\0`))
  return message('v', int32(196608), int32(names.length), ...names)
}

/** An ErrorResponse with PostgreSQL's fields: severity, SQLSTATE, message and, if there is one, a hint. */
export function errorResponse(severity, code, text, hint) {
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, `M${text}`]
  if (hint) fields.push(`H${hint}`)
  return message('E', `${fields.join('\0')}\0\0`)
}

/** The zero-terminated text at an offset of a message. */
export function text(bytes, offset, encoding = 'utf8') {
  const end = bytes.indexOf(0, offset)
  return bytes.toString(encoding, offset, end < 0 ? bytes.length : end)
}

/** The parameters of a start-up packet as a Map, in their order. */
export function startupParameters(packet) {
  const words = packet.toString('utf8', 8).split('\0')
  const parameters = new Map()
  for (let index = 0; index + 1 < words.length && words[index]; index += 2) {
    parameters.set(words[index], words[index + 1])
  }
  return parameters
}

/** Calls `visit(type, frame)` for each message of an answer; returning false drops that message. */
export function filterFrames(bytes, visit) {
  const kept = []
  let from = 0
  let at = 0
  while (at < bytes.length) {
    const next = at + 1 + bytes.readInt32BE(at + 1)
    if (visit(bytes[at], bytes.subarray(at, next)) === false) {
      kept.push(bytes.subarray(from, at))
      from = next
    }
    at = next
  }
  return from === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(from)])
}

/** The value of one field of an ErrorResponse or a NoticeResponse, or undefined. */
export function field(frame, code) {
  const found = frame.toString('utf8', 5).split('\0').find((part) => part.startsWith(code))
  return found?.slice(1)
}

/** The columns of a DataRow as text; null stays null. */
export function dataRow(frame) {
  const columns = []
  let at = 7
  for (let left = frame.readInt16BE(5); left > 0; left -= 1) {
    const length = frame.readInt32BE(at)
    at += 4
    columns.push(length < 0 ? null : frame.toString('utf8', at, at + length))
    at += Math.max(length, 0)
  }
  return columns
}
