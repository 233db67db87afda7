// The page: what is polled, what the state shows, what the keyboard does.

import { Api, keyed } from './api.js'
import { iso } from './clock.js'
import { DayPanel } from './day_panel.js'
import { $, calm, el } from './dom.js'
import { HeatMap, legend } from './heat_map.js'
import { InstrumentPanel } from './instrument_panel.js'
import { showMinute } from './minute_panel.js'
import { notice } from './notice.js'
import { Poll } from './poll.js'
import { render } from './runbook.js'
import { Search } from './search.js'
import { readConfiguration, SignIn } from './sign_in.js'
import { State } from './state.js'
import { startTheme } from './theme.js'
import { VerdictPanel } from './verdict.js'

const STATUS_EVERY = 5000
const HEAT_EVERY = 60000
const HALF_DAY = 36 * 3600

class Page {
  constructor(signIn) {
    this.signIn = signIn
    this.state = new State()
    this.api = new Api({ token: () => signIn.token(), onUnauthorised: () => this.#lost() })
    this.sheet = $('sheet')
    this.instrument = new InstrumentPanel(
      {
        place: $('chart-panel'),
        title: $('instrument-title'),
        controls: $('controls'),
        legend: $('legend'),
        chart: $('chart'),
        said: $('chart-said'),
        options: $('options'),
      },
      {
        api: this.api,
        state: this.state,
        sheet: this.sheet,
        needsToken: signIn.kind === 'token',
        onMinute: (minute) => this.state.set({ m: minute }),
      },
    )
    this.day = new DayPanel($('day'), {
      onMinute: (minute) => this.state.set({ m: minute }),
      onClose: () => this.state.set({ d: undefined, m: undefined }),
    })
    this.search = new Search($('search'), { api: this.api, onChoose: (key) => this.#open(key) })
    this.#poll()
    this.#listen()
  }

  #poll() {
    this.status = new Poll({
      ask: async () => (await this.api.get('/api/v1/timeframe-aggregation/status', {}, { isKept: false })).body,
      wait: () => STATUS_EVERY,
      onAnswer: (status) => this.verdict.show(status),
      onChange: () => this.verdict.tick(),
    })
    this.verdict = new VerdictPanel($('verdict'), { poll: this.status, openRunbook: (page) => this.#runbook(page) })
    this.heat = new HeatMap($('heat'), {
      onOpen: (row, date) => this.#open(row.key, date),
      onMore: () => this.#more(),
      onSay: (wording) => ($('heat-said').textContent = wording),
    })
    $('heat-legend').append(...legend())
    this.map = new Poll({
      ask: () => this.#askHeat(),
      wait: () => HEAT_EVERY,
      onAnswer: ({ body, isNew }) => this.#showHeat(body, isNew),
      onChange: (poll) => poll.error && ($('heat-said').textContent = poll.error.message),
    })
  }

  #askHeat(cursor) {
    const days = innerWidth < 640 ? 14 : 20
    return this.api.get('/api/v1/heat-map', { search: this.state.get('q'), days, limit: 100, cursor })
  }

  #showHeat(body, isNew) {
    if (!isNew && this.heat.rows.length) return
    this.heat.show(body)
    if (this.state.get('i')) this.heat.select(this.state.get('i'), this.state.get('d'))
    if (!body.rows.length)
      $('heat-said').textContent = this.state.get('q')
        ? 'No key has this in it.'
        : 'No instrument is known yet: chandlery instruments add, or chandlery demo.'
    else if (!this.state.get('i')) this.#open(this.heat.rows[0].key, null, { isStep: false })
  }

  async #more() {
    if (this.isLoading) return
    this.isLoading = true
    try {
      this.heat.show((await this.#askHeat(this.heat.cursor)).body, { isMore: true })
    } catch (error) {
      $('heat-said').textContent = error.message
    }
    this.isLoading = false
  }

  #open(key, date, { isStep = true } = {}) {
    const isOther = key !== this.state.get('i')
    const changes = { i: key, m: undefined }
    if (isOther) Object.assign(changes, { exp: undefined, to: undefined, d: undefined })
    if (date) Object.assign(changes, { d: date })
    this.state.set(changes, { isStep })
  }

  #listen() {
    this.state.onChange((changed) => this.#apply(changed))
    $('search-open').addEventListener('click', () => this.search.open())
    for (const [id, zone] of [
      ['zone-exchange', undefined],
      ['zone-utc', 'utc'],
    ])
      $(id).addEventListener('click', () => this.state.set({ z: zone }))
    const filter = $('filter')
    filter.value = this.state.get('q') ?? ''
    filter.addEventListener(
      'input',
      calm(() => this.state.set({ q: filter.value.trim() || undefined }), 250),
    )
    document.addEventListener('keydown', (event) => this.#key(event))
  }

  #key(event) {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)
    if (event.key === '/' && !isTyping) {
      event.preventDefault()
      this.search.open()
    } else if (event.key === 'Escape' && !document.querySelector('dialog[open]')) {
      if (isTyping) event.target.blur()
      else if (this.state.get('m')) this.state.set({ m: undefined })
      else if (this.state.get('d')) this.state.set({ d: undefined, to: undefined })
    }
  }

  start() {
    this.status.start()
    this.map.start()
    this.#apply(new Set(['z', 'i', 'd', 'm']))
  }

  stop() {
    for (const each of [this.status, this.map, this.instrument.poll]) each.stop()
  }

  async #apply(changed) {
    const isUtc = this.state.get('z') === 'utc'
    $('zone-exchange').setAttribute('aria-pressed', String(!isUtc))
    $('zone-utc').setAttribute('aria-pressed', String(isUtc))
    if (changed.has('q')) this.map.again()
    if (changed.has('i')) await this.instrument.open(this.state.get('i'))
    else await this.instrument.change(changed)
    if (['i', 'd', 'z'].some((name) => changed.has(name))) await this.#showDay(changed.has('d'))
    if (['i', 'm', 'z'].some((name) => changed.has(name))) await this.#showMinute(!changed.has('i'))
  }

  async #showDay(isOther) {
    const [key, date] = [this.state.get('i'), this.state.get('d')]
    if (!key || !date) return this.day.hide()
    const middle = Date.parse(`${date}T12:00Z`) / 1000
    try {
      const { body } = await this.api.get(keyed('instruments', key, '/holes'), {
        from: iso(middle - HALF_DAY),
        to: iso(middle + HALF_DAY),
      })
      this.day.show(key, date, body, this.instrument.zone)
      this.heat.select(key, date)
      const ends = body.open_hours.filter((each) => each.session_date === date).at(-1)?.ends
      if (isOther && ends && !this.state.get('to'))
        this.state.set({ tf: '1m', to: iso(Math.min(Date.parse(ends), Date.parse(body.due)) / 1000) })
    } catch (error) {
      $('heat-said').textContent = error.message
    }
    return undefined
  }

  async #showMinute(isOther) {
    const [key, minute] = [this.state.get('i'), this.state.get('m')]
    const place = $('minute')
    if (!key || !minute) return void (place.hidden = true)
    try {
      const { body } = await this.api.get(keyed('instruments', key, '/explain'), { at: minute })
      showMinute(place, body, { zone: this.instrument.zone, onClose: () => this.state.set({ m: undefined }) })
      if (isOther) place.scrollIntoView({ block: 'nearest' })
    } catch (error) {
      place.replaceChildren(el('p', { class: 'bad' }, error.message))
      place.hidden = false
    }
    return undefined
  }

  async #runbook(page) {
    const close = el(
      'button',
      { type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => this.sheet.close() },
      '✕',
    )
    let article
    try {
      article = render(await this.api.text(new URL(`./${page}.md`, import.meta.url)))
    } catch (error) {
      article = [
        el('h2', { id: 'sheet-title' }, 'Runbook'),
        el('p', {}, `docs/runbook/${page}.md, in the project: ${error.message}`),
      ]
    }
    this.sheet.replaceChildren(close, el('article', { class: 'runbook' }, article))
    this.sheet.showModal()
  }

  #lost() {
    if (this.signIn.kind !== 'token') return
    this.signIn.expire()
    this.stop()
    notice($('notice'), this.signIn)
  }
}

async function begin() {
  startTheme($('theme'))
  const signIn = new SignIn(readConfiguration())
  try {
    await signIn.finish()
  } catch (error) {
    signIn.refused = error.message
  }
  const page = new Page(signIn)
  // For whoever looks from the console, and for tests: what is drawn.
  globalThis.chandlery = page
  if (signIn.kind === 'token') {
    $('sign-out').hidden = signIn.state !== 'ready'
    $('sign-out').addEventListener('click', () => (signIn.forget(), page.stop(), notice($('notice'), signIn)))
  }
  if (signIn.state === 'ready') page.start()
  else notice($('notice'), signIn)
}

begin()
