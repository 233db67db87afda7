// Options of an underlying: the chain, the smile, open interest by strike with max pain, a moneyness over time.

import { el } from './dom.js'
import { moment } from './clock.js'
import { keyed } from './api.js'
import { chain, digits, interest, line, percent, smile } from './option_plots.js'

const FIELDS = ['iv', 'close', 'oi', 'volume', 'delta']

export class OptionsPanel {
  #asked = 0

  constructor(place, { api, state, numbers }) {
    Object.assign(this, { place, api, state, numbers })
  }

  async show(key, zone) {
    const asked = (this.#asked += 1)
    const { expiries } = (await this.api.get(keyed('options', key, '/expiries'), this.numbers)).body
    if (asked !== this.#asked) return
    this.place.hidden = !expiries.length
    if (!expiries.length) return
    const chosen = expiries.find((each) => each.expiry === this.state.get('exp')) ?? expiries[0]
    const asks = { expiry: chosen.expiry, ...this.numbers }
    const { strikes } = (await this.api.get(keyed('options', key, '/chain'), { ...asks, limit: 1000 })).body
    if (asked !== this.#asked) return
    const rows = strikes.filter((row) => row.contract === chosen.contract)
    this.place.replaceChildren(
      this.#head(expiries, chosen, zone),
      el('div', { class: 'plots' }, smile(rows, chosen), interest(rows, chosen), this.#series(key, chosen, zone)),
      chain(rows, chosen),
    )
  }

  hide() {
    this.#asked += 1
    this.place.hidden = true
  }

  #head(expiries, chosen, zone) {
    const options = expiries.map((each) => el('option', { value: each.expiry, selected: each === chosen }, each.expiry))
    const choose = el(
      'select',
      { 'aria-label': 'Expiry', onchange: (event) => this.state.set({ exp: event.target.value }) },
      options,
    )
    const facts = [
      ['forward', digits(chosen.forward)],
      ['iv at the money', `${percent(chosen.atm_iv)} %`],
      ['straddle', digits(chosen.straddle)],
      ['skew 25Δ', percent(chosen.skew_25d)],
      ['put/call by interest', digits(chosen.pcr_oi)],
      ['max pain', digits(chosen.max_pain)],
      ['as of', moment(chosen.time, zone)],
    ]
    return el(
      'header',
      {},
      el('h3', {}, 'Options'),
      choose,
      el(
        'dl',
        { class: 'facts small' },
        facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
      ),
    )
  }

  // A field of the strike at a place from the money, over time.
  #series(key, chosen, zone) {
    const place = el('figure', {})
    const rank = el('input', { type: 'number', value: 0, min: -50, max: 50, 'aria-label': 'Strikes from the money' })
    const side = el(
      'select',
      { 'aria-label': 'Side' },
      el('option', { value: 'call' }, 'call'),
      el('option', { value: 'put' }, 'put'),
    )
    const field = el(
      'select',
      { 'aria-label': 'Field' },
      FIELDS.map((name) => el('option', {}, name)),
    )
    const plot = el('div', {}, '')
    const load = async () => {
      const asked = {
        expiry: chosen.expiry,
        contract: chosen.contract,
        rank: rank.value,
        field: `${side.value}_${field.value}`,
        timeframe: '5m',
        limit: 200,
        ...this.numbers,
      }
      try {
        const { points } = (await this.api.get(keyed('options', key, '/moneyness-series'), asked)).body
        plot.replaceChildren(line(points, zone))
      } catch (error) {
        plot.replaceChildren(el('p', { class: 'said' }, error.message))
      }
    }
    for (const each of [rank, side, field]) each.addEventListener('change', load)
    load()
    place.append(el('figcaption', {}, 'Moneyness ', rank, side, field), plot)
    return place
  }
}
