// Search of instruments by their keys: arrows, Enter, Esc.

import { calm, el } from './dom.js'
import { walk } from './indicators.js'

export class Search {
  constructor(dialog, { api, onChoose }) {
    Object.assign(this, { dialog, api, onChoose })
    this.input = el('input', {
      type: 'search',
      placeholder: 'NIFTY, BTC, XNYS@…',
      'aria-label': 'Part of a key',
      autocomplete: 'off',
      spellcheck: 'false',
    })
    this.list = el('ul', { class: 'results', role: 'list' })
    dialog.append(
      el('h2', { class: 'unseen' }, 'Search instruments'),
      this.input,
      this.list,
      el('p', { class: 'said', role: 'status' }),
    )
    this.input.addEventListener(
      'input',
      calm(() => this.#look()),
    )
    this.input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.list.querySelector('button')?.click()
      if (event.key === 'ArrowDown') (this.list.querySelector('button')?.focus(), event.preventDefault())
    })
    this.list.addEventListener('keydown', (event) => walk(event, this.list))
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())
  }

  open() {
    if (this.dialog.open) return
    this.dialog.showModal()
    this.input.select()
    this.#look()
  }

  // The heat map knows the worst first, and any part of a key.
  async #look() {
    const said = this.dialog.querySelector('.said')
    try {
      const asked = { search: this.input.value.trim(), days: 1, limit: 30 }
      const { rows } = (await this.api.get('/api/v1/heat-map', asked)).body
      this.list.replaceChildren(...rows.map((row) => this.#entry(row)))
      said.textContent = rows.length ? '' : 'no instrument has this in its key'
    } catch (error) {
      said.textContent = error.message
    }
  }

  #entry(row) {
    const [exchange, ...rest] = row.instrument_key.split('@')
    const choose = () => {
      this.dialog.close()
      this.onChoose(row.instrument_key)
    }
    return el(
      'li',
      {},
      el(
        'button',
        { type: 'button', onclick: choose },
        el('small', {}, `${exchange}@`),
        rest.join('@'),
        el('small', {}, ` ${row.feed}`),
      ),
    )
  }
}
