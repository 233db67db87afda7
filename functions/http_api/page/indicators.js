// Indicators of the catalogue: chosen, computed by the API, laid on the chart or below it.

import { el } from './dom.js'
import { epoch } from './clock.js'

const OVER_CANDLES = /^(Overlap Studies|Price Transform)$/
// Of other groups, these are prices too; of those, this is none.
const PRICED = /vwap|pivot|opening_range/
const NO_PRICE = new Set(['avgdev'])

export const titleOf = ({ name, parameters }) => {
  const given = Object.values(parameters)
  return given.length ? `${name}(${given.join(', ')})` : name
}

export class Catalogue {
  #api
  #infos = null

  constructor(api) {
    this.#api = api
  }

  async all() {
    this.#infos ??= (await this.#api.get('/api/v1/indicators')).body.indicators
    return this.#infos
  }

  async isOverCandles(name) {
    const info = (await this.all()).find((each) => each.name === name)
    return !NO_PRICE.has(name) && (PRICED.test(name) || OVER_CANDLES.test(info?.group ?? ''))
  }
}

// Lines of an answer of /compute: one for each output, its values by time.
export async function linesOf(computed, catalogue) {
  const times = computed.time.map(epoch)
  const lines = []
  let pane = 0
  for (const series of computed.indicators) {
    const isOver = await catalogue.isOverCandles(series.name)
    if (!isOver) pane += 1
    const outputs = Object.entries(series.outputs)
    for (const [output, values] of outputs) {
      const title =
        outputs.length > 1 ? `${series.name}.${output}` : titleOf({ name: series.name, parameters: numbersOf(series) })
      lines.push({ title, pane: isOver ? 0 : pane, values: new Map(times.map((time, place) => [time, values[place]])) })
    }
  }
  return lines
}

// Numbers alone: names of columns and kinds of averages would not fit.
const numbersOf = (series) =>
  Object.fromEntries(
    Object.entries(series.parameters)
      .filter(([, value]) => typeof value === 'number')
      .slice(0, 2),
  )

// A form that adds one: search, parameters as the catalogue has them.
export async function openPicker(sheet, catalogue, { onAdd }) {
  const infos = await catalogue.all()
  const list = el('ul', { class: 'results', role: 'listbox', 'aria-label': 'Indicators' })
  const form = el('form', { class: 'parameters', hidden: true })
  const search = el('input', {
    type: 'search',
    placeholder: 'indicator',
    'aria-label': 'Search indicators',
    autocomplete: 'off',
  })
  const choose = (info) =>
    showParameters(form, info, (parameters) => {
      sheet.close()
      onAdd({ name: info.name, parameters })
    })
  const show = () => {
    const part = search.value.trim().toLowerCase()
    const rank = ({ name }) => (name === part ? 0 : name.startsWith(part) ? 1 : 2)
    const fits = infos.filter((info) => `${info.name} ${info.title}`.toLowerCase().includes(part))
    const found = fits.sort((one, other) => rank(one) - rank(other)).slice(0, 60)
    list.replaceChildren(
      ...found.map((info) =>
        el(
          'li',
          {},
          el('button', { type: 'button', onclick: () => choose(info) }, el('strong', {}, info.name), ` ${info.title}`),
        ),
      ),
    )
  }
  search.addEventListener('input', show)
  search.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') list.querySelector('button')?.click()
    if (event.key === 'ArrowDown') list.querySelector('button')?.focus()
  })
  list.addEventListener('keydown', (event) => walk(event, list))
  show()
  const close = el(
    'button',
    { type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => sheet.close() },
    '✕',
  )
  sheet.replaceChildren(
    el('header', {}, el('h2', { id: 'sheet-title' }, 'Add an indicator'), close),
    search,
    form,
    list,
  )
  sheet.showModal()
  search.focus()
}

export function walk(event, list) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step) return
  const buttons = [...list.querySelectorAll('button')]
  const next = buttons.indexOf(document.activeElement) + step
  buttons[Math.max(0, Math.min(buttons.length - 1, next))]?.focus()
  event.preventDefault()
}

function showParameters(form, info, onDone) {
  const fields = info.parameters.map((each) => {
    const id = `parameter-${each.name}`
    const field = each.choices.length
      ? el(
          'select',
          { id, name: each.name },
          each.choices.map((choice) => el('option', { value: choice, selected: choice === each.default }, `${choice}`)),
        )
      : el('input', {
          id,
          name: each.name,
          value: each.default ?? '',
          required: each.default === null,
          title: each.says,
        })
    return el('div', {}, el('label', { for: id }, each.name), field)
  })
  form.replaceChildren(
    el('p', {}, el('strong', {}, info.name), ` ${info.title}. ${info.memory}`),
    ...fields,
    el('button', { type: 'submit' }, 'Add'),
  )
  form.hidden = false
  form.onsubmit = (event) => {
    event.preventDefault()
    const parameters = {}
    for (const each of info.parameters) {
      const text = form.elements[each.name].value
      if (text === '' || text === String(each.default)) continue
      parameters[each.name] = text !== '' && Number.isFinite(Number(text)) && each.kind !== 'time' ? Number(text) : text
    }
    onDone(parameters)
  }
  form.querySelector('input, select, button').focus()
}
