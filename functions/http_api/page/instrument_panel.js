// This instrument: its candles with their holes, indicators, signals, options; and all of it to copy.

import { keyed } from './api.js'
import { Chart } from './chart.js'
import { epoch, iso, moment } from './clock.js'
import { csvOf, curlOf, pythonOf, questionOf, sqlOf } from './copy.js'
import { calm, el } from './dom.js'
import { isOfVendor } from './drawings.js'
import { Catalogue, linesOf, openPicker, titleOf } from './indicators.js'
import { OptionsPanel } from './options_panel.js'
import { Poll, untilSettled } from './poll.js'
import { plainDigits, short } from './prices.js'
import { readMarks } from './signals.js'
import { isIntraday, sayHole, slotsOf } from './slots.js'
import { readIndicators, writeIndicators } from './state.js'

export const NUMBERS = { numbers: 'text' }
const TIMEFRAMES = ['1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w', '1mo']
const CANDLES = 500
const SETTLE = 7 // seconds after the minute: it settles for five, and has to be written
const HOLES_WITHIN = 100 * 86400

export class InstrumentPanel {
  #instrument = null
  #shown = ''
  #tools = null

  // parts: elements by their names
  constructor(parts, { api, state, sheet, needsToken, onMinute }) {
    Object.assign(this, { parts, api, state, sheet, needsToken })
    this.catalogue = new Catalogue(api)
    this.options = new OptionsPanel(parts.options, { api, state, numbers: NUMBERS })
    this.chart = new Chart(parts.chart, {
      onSlot: (slot, lines, isPointed) => this.#legend(slot, lines, isPointed),
      onOpen: (slot) => this.state.get('tf') === '1m' && onMinute(iso(slot.time)),
    })
    this.say = calm((wording) => (parts.said.textContent = wording), 250)
    this.poll = new Poll({
      ask: () => this.#ask(),
      wait: () => untilSettled(Date.now(), SETTLE),
      onAnswer: (found) => found && this.#show(found),
      onChange: (poll) => poll.error && this.#trouble(poll.error),
    })
  }

  get timeframe() {
    return TIMEFRAMES.includes(this.state.get('tf')) ? this.state.get('tf') : '5m'
  }

  get zone() {
    return this.state.get('z') === 'utc' ? 'UTC' : (this.#instrument?.time_zone ?? 'UTC')
  }

  async open(key) {
    this.poll.stop()
    this.#instrument = null
    this.parts.title.textContent = key ?? 'This instrument'
    this.parts.place.classList.toggle('empty', !key)
    this.options.hide()
    if (!key) return this.#say('Choose an instrument: in the heat map, or with /')
    try {
      this.#instrument = (await this.api.get(keyed('instruments', key))).body
    } catch (error) {
      return this.#trouble(error)
    }
    this.#controls()
    this.poll.start()
    return this.#showOptions()
  }

  // Some of the state has changed, but for the instrument.
  async change(changed) {
    if (!this.#instrument) return
    this.#controls()
    if (changed.has('z')) this.chart.setZone(this.zone)
    if (['tf', 'to', 'ind', 's'].some((name) => changed.has(name))) await this.poll.again()
    if (['exp', 'z'].some((name) => changed.has(name))) await this.#showOptions()
  }

  // Most instruments have none, which is no trouble.
  async #showOptions() {
    try {
      await this.options.show(this.#instrument.instrument_key, this.zone)
    } catch (error) {
      if (error.status !== 404) this.#trouble(error)
    }
  }

  async #ask() {
    const key = this.#instrument.instrument_key
    const { timeframe } = this
    const to = this.state.get('to')
    const { body, isNew } = await this.api.get(keyed('candles', key), { timeframe, limit: CANDLES, to, ...NUMBERS })
    const question = JSON.stringify([key, timeframe, to, this.state.get('ind'), this.state.get('s')])
    const isSame = question === this.#shown
    if (isSame && !isNew) return null
    const holes = await this.#holes(key, body.candles)
    return { key, timeframe, candles: body.candles, holes, question, isSame }
  }

  async #holes(key, candles) {
    if (!isIntraday(this.timeframe) || !candles.length) return null
    const from = epoch(candles[0].time)
    const until = this.state.get('to') ? epoch(this.state.get('to')) : Math.floor(Date.now() / 60000) * 60
    const to = Math.min(Math.max(until, epoch(candles.at(-1).time) + 60), from + HOLES_WITHIN)
    const { body } = await this.api.get(keyed('instruments', key, '/holes'), { from: iso(from), to: iso(to) })
    return { ...body, to }
  }

  async #show({ key, timeframe, candles, holes, question, isSame }) {
    if (key !== this.#instrument?.instrument_key) return
    const isNew =
      !isSame &&
      JSON.parse(this.#shown || '[]')
        .slice(0, 3)
        .join() !== [key, timeframe, this.state.get('to')].join()
    this.#shown = question
    const slots = slotsOf(candles, timeframe, holes)
    this.chart.show(slots, { timeframe, zone: this.zone, isNew })
    const gaps = slots.filter((slot) => slot.hole)
    this.#say(candles.length ? sayCounts(candles, gaps) : 'No candle of this timeframe is stored.')
    const done = await Promise.allSettled([
      this.#showIndicators(key, timeframe, slots),
      this.#showSignals(key, timeframe, slots),
    ])
    const failed = done.find((each) => each.status === 'rejected')
    if (failed) this.#trouble(failed.reason)
  }

  async #showIndicators(key, timeframe, slots) {
    const indicators = readIndicators(this.state.get('ind'))
    if (!indicators.length || !slots.length) return this.chart.showLines([])
    const computed = await this.api.post('/api/v1/compute', {
      instrument_key: key,
      timeframe,
      from: iso(slots[0].time),
      to: iso(slots.at(-1).time + 1),
      indicators,
      ...NUMBERS,
    })
    return this.chart.showLines(await linesOf(computed, this.catalogue))
  }

  async #showSignals(key, timeframe, slots) {
    const isShown = this.state.get('s') === '1' && slots.length
    this.chart.showMarks(isShown ? await readMarks(this.api, key, slots) : [])
  }

  #controls() {
    const { timeframe } = this
    const chosen = readIndicators(this.state.get('ind'))
    const times = TIMEFRAMES.map((each) =>
      el(
        'button',
        {
          type: 'button',
          'aria-pressed': String(each === timeframe),
          onclick: () => this.state.set({ tf: each, to: undefined }),
        },
        each,
      ),
    )
    const chips = chosen.map((each, place) =>
      el(
        'button',
        {
          type: 'button',
          class: 'chip',
          'aria-label': `Remove ${titleOf(each)}`,
          onclick: () => this.#keep(chosen.filter((_, other) => other !== place)),
        },
        `${titleOf(each)} ✕`,
      ),
    )
    const add = el(
      'button',
      {
        type: 'button',
        onclick: () => openPicker(this.sheet, this.catalogue, { onAdd: (each) => this.#keep([...chosen, each]) }),
      },
      '+ indicator',
    )
    const signals = el(
      'button',
      {
        type: 'button',
        'aria-pressed': String(this.state.get('s') === '1'),
        onclick: () => this.state.set({ s: this.state.get('s') === '1' ? undefined : '1' }),
      },
      'signals',
    )
    const newest = this.state.get('to')
      ? el('button', { type: 'button', onclick: () => this.state.set({ to: undefined }) }, 'newest →')
      : null
    const copies = [
      ['CSV', () => csvOf(this.chart.slots)],
      ['curl', () => curlOf(this.#question())],
      ['SQL', () => sqlOf(this.#question())],
      ['Python', () => pythonOf(this.#question())],
    ]
    const copy = copies.map(([name, write]) =>
      el('button', { type: 'button', 'aria-label': `Copy as ${name}`, onclick: () => this.#copy(name, write) }, name),
    )
    this.#tools = document.activeElement?.textContent
    this.parts.controls.replaceChildren(
      el('div', { class: 'group', role: 'group', 'aria-label': 'Timeframe' }, times),
      el('div', { class: 'tools' }, chips, add, signals, newest),
      el(
        'div',
        { class: 'group', role: 'group', 'aria-label': 'Copy as' },
        el('span', { 'aria-hidden': 'true' }, 'copy'),
        copy,
      ),
    )
    // A button that was pressed is made again: the keyboard stays on it.
    ;[...this.parts.controls.querySelectorAll('button')].find((each) => each.textContent === this.#tools)?.focus()
  }

  #keep(indicators) {
    this.state.set({ ind: writeIndicators(indicators) })
  }

  #question() {
    return questionOf(this.chart.slots, this.#instrument.instrument_key, this.timeframe, {
      origin: location.origin,
      needsToken: this.needsToken,
    })
  }

  async #copy(name, write) {
    if (!this.chart.slots.length) return this.#say('There is nothing to copy.')
    try {
      await navigator.clipboard.writeText(write())
      return this.#say(`Copied as ${name}.`)
    } catch {
      return this.#say(`The browser does not let the page copy; select it here: ${write()}`)
    }
  }

  #legend(slot, lines, isPointed) {
    if (!slot) return this.parts.legend.replaceChildren()
    const label = isIntraday(this.timeframe) ? moment(slot.time, this.zone) : iso(slot.time).slice(0, 10)
    const wording = slot.candle
      ? prices(slot.candle)
      : [el('b', { class: 'hole' }, sayHole(slot.hole)), el('span', {}, 'no price')]
    const values = lines.map(({ title, color, value }) => {
      const made = el('span', {}, `${title} ${value}`)
      made.style.setProperty('--line-colour', color)
      made.className = 'line-value'
      return made
    })
    this.parts.legend.replaceChildren(el('time', { datetime: iso(slot.time) }, label), ...wording, ...values)
    if (isPointed)
      this.say(
        slot.candle ? `${label}: close ${plainDigits(slot.candle.close)}` : `${label}: ${sayHole(slot.hole)}, no price`,
      )
    return undefined
  }

  #say(wording) {
    this.parts.said.textContent = wording
    this.parts.said.classList.remove('bad')
  }

  #trouble(error) {
    this.parts.said.textContent = error.message
    this.parts.said.classList.add('bad')
  }
}

function prices(candle) {
  const values = [
    ['O', candle.open],
    ['H', candle.high],
    ['L', candle.low],
    ['C', candle.close],
  ]
  const wording = values.map(([name, value]) => el('span', {}, el('small', {}, name), plainDigits(value)))
  wording.push(el('span', {}, el('small', {}, 'V'), short(candle.volume)))
  if (candle.closed === false) wording.push(el('b', {}, 'running'))
  if (candle.partial && candle.closed !== false) wording.push(el('b', { class: 'hole' }, 'partial'))
  if (isOfVendor(candle)) wording.push(el('span', {}, 'vendor'))
  if (candle.revision > 0) wording.push(el('span', {}, `revised ${candle.revision}×`))
  return wording
}

function sayCounts(candles, gaps) {
  const states = new Map()
  for (const { hole } of gaps) states.set(hole.state, (states.get(hole.state) ?? 0) + 1)
  const holes = [...states].map(([state, count]) => `${count} ${state.replaceAll('_', ' ')}`).join(', ')
  return `${candles.length} candles${holes ? `; without one: ${holes}` : ', no hole'}`
}
