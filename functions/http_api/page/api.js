// Calls of the HTTP API: each answer kept with its ETag, so that what has not changed is not sent again.

const LONGEST = 20000 // milliseconds; API Gateway gives up after 30 s

export class ApiError extends Error {
  // kind: unreachable, timeout, unauthorised, refused (4xx), failing (5xx)
  constructor(kind, message, { status = 0, requestId = '' } = {}) {
    super(message)
    Object.assign(this, { kind, status, requestId })
  }
}

export class Api {
  #kept = new Map()
  #token

  // token: gives the one to send, or null; onUnauthorised: is called where it is not taken.
  constructor({ token = () => null, onUnauthorised = () => {} } = {}) {
    this.#token = token
    this.onUnauthorised = onUnauthorised
  }

  // { body, isNew }: isNew is false where the API said that nothing has changed.
  async get(path, query = {}, { isKept = true } = {}) {
    const url = address(path, query)
    const kept = isKept ? this.#kept.get(url) : undefined
    const response = await this.#send(url, { headers: kept ? { 'If-None-Match': kept.tag } : {} })
    if (response.status === 304 && kept) return { body: kept.body, isNew: false }
    const body = await this.#read(response)
    const tag = response.headers.get('ETag')
    if (isKept && tag) this.#keep(url, { tag, body })
    return { body, isNew: true }
  }

  async post(path, body) {
    const response = await this.#send(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json' },
    })
    return this.#read(response)
  }

  async text(url) {
    const response = await this.#send(url, {})
    if (!response.ok) throw new ApiError('refused', `${url}: ${response.status}`, { status: response.status })
    return response.text()
  }

  #keep(url, answered) {
    this.#kept.delete(url)
    this.#kept.set(url, answered)
    if (this.#kept.size > 100) this.#kept.delete(this.#kept.keys().next().value)
  }

  async #send(url, options) {
    const token = this.#token()
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) }
    try {
      return await fetch(url, { ...options, headers, cache: 'no-store', signal: AbortSignal.timeout(LONGEST) })
    } catch (error) {
      if (error.name === 'TimeoutError') throw new ApiError('timeout', `no answer within ${LONGEST / 1000} s`)
      throw new ApiError('unreachable', 'the API cannot be reached')
    }
  }

  async #read(response) {
    const text = await response.text()
    if (response.ok) return JSON.parse(text)
    let problem = {}
    try {
      problem = JSON.parse(text)
    } catch {
      // A gateway's own words are no JSON.
    }
    const about = { status: response.status, requestId: problem.request_id ?? '' }
    if (response.status === 401 || response.status === 403) {
      this.onUnauthorised(response.status)
      throw new ApiError('unauthorised', 'the API does not take the token', about)
    }
    const said = problem.detail ?? problem.message ?? `the API answered ${response.status}`
    throw new ApiError(response.status >= 500 ? 'failing' : 'refused', said, about)
  }
}

export function address(path, query = {}) {
  const written = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat())
      if (each !== undefined && each !== null && each !== '') written.append(name, each)
  }
  const text = written.toString()
  return text ? `${path}?${text}` : path
}

export const keyed = (room, key, rest = '') => `/api/v1/${room}/${encodeURIComponent(key)}${rest}`
