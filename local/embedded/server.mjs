// The process behind local/embedded: one PGlite data directory behind a socket on 127.0.0.1.
//
//   node server.mjs --data DIR --state FILE [--port N] [--transaction-wait SECONDS]
//
// FILE gets {"pid", "port"} as JSON: the port is null until connections are answered. Exit codes: 0 after
// SIGTERM or SIGINT, 98 when the port is taken, 70 when the WASM instance died, 1 for all else.
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { Client } from './client.mjs'
import { Engine, EngineCrash } from './engine.mjs'
import { errorResponse } from './protocol.mjs'
import { Scheduler } from './scheduler.mjs'

const HOST = '127.0.0.1'
const [EXIT_CRASHED, EXIT_PORT_TAKEN] = [70, 98]
const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    state: { type: 'string' },
    port: { type: 'string', default: '0' },
    'transaction-wait': { type: 'string', default: '30' },
  },
})
const sockets = new Set()
let engine = null
let scheduler = null
let stopping = false
let failed = false

function log(text) {
  console.log(`${new Date().toISOString()} ${text}`)
}

function writeState(port) {
  const unfinished = `${options.state}.new`
  writeFileSync(unfinished, JSON.stringify({ pid: process.pid, port }))
  renameSync(unfinished, options.state)
}

function dismissAll(code, text) {
  for (const socket of sockets) {
    socket.end(errorResponse('FATAL', code, text))
    socket.destroySoon()
  }
}

// After an exception nothing is known of the instance's memory: the write-ahead log is the way back.
function fail(error) {
  if (failed) return
  failed = true
  server.close()
  const crashed = error instanceof EngineCrash
  const text = crashed ? `the embedded database died (${error.message})` : `the embedded database failed: ${error.stack}`
  log(text.replaceAll('\n', ' | '))
  scheduler?.stop(false)
  dismissAll('57P02', `${text}; start it again: what was committed is kept`)
  setTimeout(() => process.exit(crashed ? EXIT_CRASHED : 1), 100)
}

async function stop(signal) {
  if (stopping) return
  stopping = true
  server.close()
  log(`stopping on ${signal}`)
  if (engine === null) return // start() ends by itself once the directory is open
  await shutDown()
}

async function shutDown() {
  scheduler.stop()
  dismissAll('57P01', 'terminating connection due to administrator command')
  await engine.close()
  rmSync(options.state, { force: true })
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
function listen() {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(options.port), HOST, () => resolve(server.address().port))
  })
}

async function start() {
  writeState(null)
  const port = await listen()
  const opened = await Engine.open(options.data)
  scheduler = new Scheduler(opened, Number(options['transaction-wait']))
  engine = opened
  if (stopping) return shutDown()
  writeState(port)
  log(`listening ${JSON.stringify({ port, pid: process.pid })}`)
}

const server = createServer(accept)
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.on('SIGHUP', () => {}) // the terminal that started it may go
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
start().catch((error) => {
  log(error.code === 'EADDRINUSE' ? `port ${options.port} is taken` : `cannot start: ${error.stack.replaceAll('\n', ' | ')}`)
  process.exit(error.code === 'EADDRINUSE' ? EXIT_PORT_TAKEN : 1)
})
