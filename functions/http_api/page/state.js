// The URL is the state: the view is written after its #, so that a link shows the same to anybody.
//
// i instrument, tf timeframe, z utc, ind indicators, to end of the chart, d day and m minute that are open, q filter,
// exp expiry, s whether signals are shown.

const KNOWN = ['i', 'tf', 'z', 'ind', 'to', 'd', 'm', 'q', 'exp', 's']

export function readState(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ''))
  const state = {}
  for (const name of KNOWN) if (given.get(name)) state[name] = given.get(name)
  return state
}

export function writeState(state) {
  const written = new URLSearchParams()
  for (const name of KNOWN) if (state[name]) written.set(name, state[name])
  // Keys stay readable.
  return '#' + written.toString().replaceAll('%40', '@').replaceAll('%3A', ':').replaceAll('%2C', ',')
}

export class State {
  #listeners = []
  #now = readState(location.hash)

  constructor() {
    window.addEventListener('hashchange', () => this.#take(readState(location.hash)))
  }

  get(name) {
    return this.#now[name]
  }

  // Changes some of it; opens are a step of the browser's history, the rest takes its place.
  set(changes, { isStep = false } = {}) {
    const next = { ...this.#now, ...changes }
    const written = writeState(next)
    if (written === writeState(this.#now)) return
    history[isStep ? 'pushState' : 'replaceState'](null, '', written)
    this.#take(readState(written))
  }

  onChange(listener) {
    this.#listeners.push(listener)
  }

  #take(next) {
    const before = this.#now
    this.#now = next
    const changed = new Set(KNOWN.filter((name) => before[name] !== next[name]))
    if (changed.size) for (const listener of this.#listeners) listener(changed)
  }
}

// Indicators as the URL has them, sma:timeperiod=20;rsi, and back.
export function readIndicators(text) {
  return (text ?? '')
    .split(';')
    .filter(Boolean)
    .map((each) => {
      const [name, given = ''] = each.split(':')
      const parameters = Object.fromEntries(
        given
          .split(',')
          .filter(Boolean)
          .map((pair) => {
            const [parameter, value] = pair.split('=')
            return [parameter, value !== '' && Number.isFinite(Number(value)) ? Number(value) : value]
          }),
      )
      return { name, parameters }
    })
}

export function writeIndicators(indicators) {
  return indicators
    .map(({ name, parameters }) => {
      const given = Object.entries(parameters)
        .map(([parameter, value]) => `${parameter}=${value}`)
        .join(',')
      return given ? `${name}:${given}` : name
    })
    .join(';')
}
