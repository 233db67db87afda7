// The part of a process that goes on while its instance works: a thread that says what is being done, and
// notices when whoever started the process is gone.
//
// The state file gets {"pid", "port", "doing", "worked"}: what is being done, null while the port is served; and the
// processor time it has taken, in tenths of a second, by which others tell work from a standstill. Should the file be
// deleted, it is written again.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const BEAT_MS = 250

/**
 * Starts it: `state` is the file; `signal` is what the process gets when its owner's end of stdin closes without
 * a byte, by which the owner would have let go of it. Returns {tell(told), stop()}.
 */
export function startHeart(state, signal, failed) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { state, signal } })
  worker.on('error', failed)
  worker.unref()
  return { tell: (told) => worker.postMessage(told), stop: () => worker.terminate() }
}

function work() {
  const total = process.cpuUsage()
  const own = process.threadCpuUsage() // this thread's beats are no work
  return Math.floor((total.user + total.system - own.user - own.system) / 100_000)
}

function contentOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null // deleted, by whomever
  }
}

function run({ state, signal }) {
  let told = { port: null, doing: 'starting' }

  function beat() {
    const content = JSON.stringify({ pid: process.pid, ...told, worked: told.doing === null ? null : work() })
    if (content === contentOf(state)) return
    writeFileSync(`${state}.new`, content)
    renameSync(`${state}.new`, state)
  }

  parentPort.on('message', (news) => {
    told = news
    beat()
  })
  const owner = new Socket({ fd: 0, readable: true, writable: false })
  let released = false
  owner.on('data', () => {
    released = true
    owner.destroy()
  })
  owner.on('error', () => {})
  owner.on('close', () => released || process.kill(process.pid, signal))
  beat()
  setInterval(beat, BEAT_MS)
}

if (!isMainThread && workerData?.state) run(workerData)
