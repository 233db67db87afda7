// What must be known of a client's SQL before it runs: statements that would kill the instance, and
// those that change the session which all clients share.
import { message, text } from './protocol.mjs'

// One alternative a token whose inside must not be read as SQL: E'' strings (with backslashes), plain
// strings, quoted names, dollar quotes, line comments. A doubled quote reads as two tokens side by side.
// Block comments nest and are cut by hand.
const OPAQUE =
  /\b[eE]'(?:[^'\\]+|\\[\s\S]|'')*'?|'[^']*'?|"[^"]*"?|(?<![\w$])\$([A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$[\s\S]*?(?:\$\1\$|$)|--[^\n]*|\/\*/g

/** The statement's text with comments blanked and the insides of literals and quoted names taken out. */
export function bare(sql) {
  let result = ''
  let from = 0
  OPAQUE.lastIndex = 0
  for (let found = OPAQUE.exec(sql); found; found = OPAQUE.exec(sql)) {
    result += sql.slice(from, found.index)
    from = found[0] === '/*' ? endOfComment(sql, found.index) : OPAQUE.lastIndex
    OPAQUE.lastIndex = from
    result += /^(--|\/\*)/.test(found[0]) ? ' ' : " '' "
  }
  return result + sql.slice(from)
}

function endOfComment(sql, start) {
  const marks = /\/\*|\*\//g
  marks.lastIndex = start
  let depth = 0
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return marks.lastIndex
  }
  return sql.length
}

/** Looks a statement over once; the quick tests spare the scan for nearly every statement. */
export function inspect(sql) {
  const nothing = { refusal: null, setsSession: false, resetsAll: false, listens: false, advisory: false }
  if (!/\b(copy|set|reset|discard|set_config|listen)\b|advisory/i.test(sql)) return nothing
  const statement = bare(sql)
  const starts = (words) => new RegExp(`(^|;)\\s*${words}`, 'i').test(statement)
  return {
    refusal: refusal(sql, starts),
    setsSession: starts(`(${SETS_SESSION}|reset|discard)\\b`) || configuresSession(statement),
    resetsAll: starts('(reset|discard)\\s+all\\b'),
    listens: starts('listen\\b'),
    advisory: /\bpg_(try_)?advisory_lock/i.test(statement),
  }
}

// What these set otherwise ends with the transaction.
const SETS_SESSION = 'set(?!\\s+(local|transaction|constraints)\\b)'

// What set_config() sets ends with the transaction where its last argument is the word true.
function configuresSession(statement) {
  return statement.split(/\bset_config\b/i).slice(1).some((rest) => !/,\s*true\s*$/i.test(inParentheses(rest)))
}

// A statement as bare() leaves it: its parentheses are all SQL's own.
function inParentheses(text) {
  let depth = 0
  for (let at = text.indexOf('('); at >= 0 && at < text.length; at += 1) {
    if (text[at] === '(') depth += 1
    if (text[at] === ')') depth -= 1
    if (depth === 0) return text.slice(0, at)
  }
  return text
}

// COPY FROM STDOUT is the same statement to PostgreSQL's grammar. Both, and a client encoding that
// needs a conversion, take the whole WASM instance down.
function refusal(sql, starts) {
  if (starts('copy\\b[^;]*?\\bfrom\\s+(stdin|stdout)\\b')) {
    return (
      'the embedded database cannot COPY FROM STDIN; ' +
      'use INSERT ... SELECT FROM unnest(...), or a server (DATABASE_URL)'
    )
  }
  if (starts('set\\s+((session|local)\\s+)?(client_encoding|names)\\b') && !UTF8.test(sql)) {
    return 'the embedded database speaks UTF8 only; leave client_encoding alone, or use a server (DATABASE_URL)'
  }
  return null
}

const UTF8 = /\b(client_encoding\s*(=|to)|names)\s*'?(utf-?8|unicode|default)\b/i

/** SQL that fails as PostgreSQL itself would: so an open transaction is aborted as it should be. */
export function failing(text) {
  return `DO $refused$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = $m$${text}$m$; END $refused$`
}

/** The SQL of a Query or Parse message; latin1, as only its ASCII part is looked at. */
export function statementText(bytes, type) {
  return text(bytes, type === 'P' ? bytes.indexOf(0, 5) + 1 : 5, 'latin1')
}

/** Whether a statement drops all prepared ones; drivers run it after a rollback. */
export function deallocatesAll(sql) {
  return /^\s*deallocate\s+(prepare\s+)?all\s*;?\s*$/i.test(sql)
}

/** Drops those of one client: the session has everybody's. */
export function deallocating(prefix) {
  return `DO $gone$ DECLARE one text; BEGIN
    FOR one IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE pg_catalog.starts_with(name, '${prefix}') LOOP
      EXECUTE pg_catalog.format('DEALLOCATE %I', one);
    END LOOP; END $gone$`
}

/** The same message with other SQL in it; a Parse gives up its parameter types, as it has none left. */
export function withStatement(bytes, type, sql) {
  if (type === 'Q') return message('Q', `${sql}\0`)
  return message('P', bytes.subarray(5, bytes.indexOf(0, 5) + 1), `${sql}\0`, Buffer.alloc(2))
}

/** Where the name of a prepared statement stands in a message, or -1: Parse, Bind, Describe, Close. */
function nameOffset(bytes, type) {
  if (type === 'P') return 5
  if (type === 'B') return bytes.indexOf(0, 5) + 1
  return (type === 'D' || type === 'C') && bytes[5] === 0x53 ? 6 : -1
}

/** Puts a client's prefix before the name of its prepared statement: all clients share one name space. */
export function withPrefix(bytes, type, prefix) {
  const offset = nameOffset(bytes, type)
  if (offset < 0 || bytes[offset] === 0) return bytes
  return message(type, bytes.subarray(5, offset), prefix, bytes.subarray(offset))
}
