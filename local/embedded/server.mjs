// The process behind local/embedded: one PGlite data directory behind a socket on 127.0.0.1.
//
//   node server.mjs --data DIR --state FILE [--port N | --former-port N] [--transaction-wait SECONDS]
//
// FILE gets what heart.mjs says. The former port is taken where it is free: clients may still know it. Exit codes: 0
// after SIGTERM or SIGINT, 98 when the port is taken, 70 when the WASM instance died, 1 for all else.
//
// It ends with its owner, who holds the other end of its stdin, unless the owner lets go of it by a byte.
import { statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { Client } from './client.mjs'
import { Engine, EngineCrash } from './engine.mjs'
import { startHeart } from './heart.mjs'
import { errorResponse } from './protocol.mjs'
import { Scheduler } from './scheduler.mjs'

const HOST = '127.0.0.1'
// PostgreSQL's log of what was written grows by files of 16 MB.
const LEAST_BYTES = 20 * 1024 * 1024
const [EXIT_CRASHED, EXIT_PORT_TAKEN] = [70, 98]
const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    state: { type: 'string' },
    port: { type: 'string', default: '0' },
    'former-port': { type: 'string', default: '0' },
    'transaction-wait': { type: 'string', default: '30' },
  },
})
const sockets = new Set()
let port = Number(options.port) || Number(options['former-port'])
let engine = null
let scheduler = null
let stopping = false
let failed = false

function log(text) {
  console.log(`${new Date().toISOString()} ${text}`)
}

function dismissAll(code, text) {
  for (const socket of sockets) {
    socket.end(errorResponse('FATAL', code, text))
    socket.destroySoon()
  }
}

// What it means for whoever reads it, in a line; the log has the rest.
function reason(error) {
  const { bavail, bsize } = statfsSync(options.data)
  if (bavail * bsize < LEAST_BYTES) return `the disk of ${options.data} is full: free some room`
  if (/memory/i.test(error?.message)) return 'there was not enough memory: free some, or ask for less at a time'
  return `its log says why: ${options.state.replace(/json$/, 'log')}`
}

// After an exception nothing is known of the instance's memory: the write-ahead log is the way back.
function fail(error) {
  if (failed) return
  failed = true
  server.close()
  const crashed = error instanceof EngineCrash
  const text = `the embedded database ${crashed ? 'died' : 'failed'}`
  log(`${text}: ${String(error?.stack ?? error).replaceAll('\n', ' | ')}`)
  scheduler?.stop(false)
  dismissAll('57P02', `${text}: ${reason(error)}; then start it again: what was committed is kept`)
  setTimeout(() => process.exit(crashed ? EXIT_CRASHED : 1), 100)
}

async function stop(signal) {
  if (stopping) return
  stopping = true
  server.close()
  heart.tell({ port, doing: 'stopping' })
  log(`stopping on ${signal}`)
  if (engine === null) return // start() ends by itself once the directory is open
  await shutDown()
}

async function shutDown() {
  scheduler.stop()
  dismissAll('57P01', 'terminating connection due to administrator command')
  await engine.close()
  log('stopped')
  process.exit(0)
}

function accept(socket) {
  if (engine === null || stopping || failed) {
    socket.on('error', () => socket.destroy())
    const state = stopping || failed ? 'shutting down' : 'starting up'
    socket.end(errorResponse('FATAL', '57P03', `the database system is ${state}`))
    return
  }
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  new Client(socket, engine, scheduler)
}

// The port is taken first: whether it is free is known in milliseconds, the database in seconds.
function listen(wanted) {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(wanted, HOST, () => {
      server.off('error', reject)
      resolve(server.address().port)
    })
  })
}

async function listenWhereItWas() {
  try {
    return await listen(port)
  } catch (error) {
    if (error.code !== 'EADDRINUSE' || Number(options.port) !== 0) throw error
    return listen(0)
  }
}

async function start() {
  heart.tell({ port, doing: 'opening the database' })
  port = await listenWhereItWas()
  const opened = await Engine.open(options.data)
  scheduler = new Scheduler(opened, Number(options['transaction-wait']))
  engine = opened
  if (stopping) return shutDown()
  heart.tell({ port, doing: null })
  log(`listening ${JSON.stringify({ port, pid: process.pid })}`)
}

const server = createServer(accept)
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.on('SIGHUP', () => {}) // the terminal that started it may go
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
const heart = startHeart(options.state, 'SIGTERM', (error) => (engine ? log(`cannot write ${options.state}: ${error.message}`) : fail(error)))
start().catch((error) => {
  log(error?.code === 'EADDRINUSE' ? `port ${options.port} is taken` : `cannot start: ${String(error?.stack ?? error).replaceAll('\n', ' | ')}`)
  process.exit(error?.code === 'EADDRINUSE' ? EXIT_PORT_TAKEN : 1)
})
