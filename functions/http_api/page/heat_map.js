// Where not? Instruments × session days, the worst first. Only the rows that are seen are drawn.

import { el } from './dom.js'
import { shortDay, weekday } from './clock.js'
import { grouped } from './prices.js'
import { drawState, LABELS, shareOf, sized, STATES, stateOf } from './shapes.js'
import { colours, onTheme } from './theme.js'

const ROW = 20
const HEAD = 34
const GAP = 2
const [LEAST, MOST] = [120, 340] // heights
const CELL = 14 // least width of a day, where keys would take more

export class HeatMap {
  #dates = []
  #rows = []
  #focus = { row: 0, column: 0 }
  #more = null
  #longest = 0

  // onOpen(row, day), onMore(): more rows are wanted, onSay(text)
  constructor(place, { onOpen, onMore, onSay }) {
    Object.assign(this, { onOpen, onMore, onSay })
    this.canvas = el('canvas', {
      tabindex: 0,
      role: 'application',
      'aria-roledescription': 'heat map',
      'aria-label': 'Completeness of instruments by session day, the worst first: arrows move, Enter opens a day',
    })
    this.spacer = el('div', { class: 'spacer' })
    this.scroller = el('div', { class: 'scroller' }, this.spacer, this.canvas)
    place.append(this.scroller)
    this.scroller.addEventListener('scroll', () => this.draw())
    this.canvas.addEventListener('mousemove', (event) => this.#point(event))
    this.canvas.addEventListener('click', (event) => this.#point(event, true))
    this.canvas.addEventListener('keydown', (event) => this.#key(event))
    this.canvas.addEventListener('focus', () => this.draw())
    this.canvas.addEventListener('blur', () => this.draw())
    new ResizeObserver(() => this.draw()).observe(place)
    onTheme(() => this.draw())
  }

  show({ dates, rows, next_cursor: cursor }, { isMore = false } = {}) {
    this.#dates = dates
    this.#rows = isMore ? [...this.#rows, ...prepared(rows)] : prepared(rows)
    this.#more = cursor
    const context = this.canvas.getContext('2d')
    context.font = '600 12px system-ui, sans-serif'
    this.#longest = Math.max(0, ...this.#rows.slice(0, 200).map((row) => context.measureText(row.key).width))
    this.scroller.style.height = `${Math.min(MOST, Math.max(LEAST, HEAD + this.#rows.length * ROW + 6))}px`
    this.#focus.column = Math.min(this.#focus.column || dates.length - 1, Math.max(dates.length - 1, 0))
    this.#focus.row = Math.min(this.#focus.row, Math.max(this.#rows.length - 1, 0))
    this.draw()
  }

  get rows() {
    return this.#rows
  }

  get cursor() {
    return this.#more
  }

  select(key, date) {
    const row = this.#rows.findIndex((each) => each.key === key)
    const column = this.#dates.indexOf(date)
    if (row >= 0) this.#focus.row = row
    if (column >= 0) this.#focus.column = column
    this.draw()
  }

  // Keys have the room that the days leave them.
  #layout() {
    const width = this.scroller.clientWidth
    const days = Math.max(this.#dates.length, 1)
    const label = Math.max(Math.min(110, width * 0.3), Math.min(this.#longest + 16, width - days * CELL))
    const cell = Math.min(30, Math.max(7, Math.floor((width - label - 8) / days)))
    return { width, label, cell }
  }

  draw() {
    const { width, label, cell } = this.#layout()
    if (!width) return
    const height = this.scroller.clientHeight
    this.spacer.style.height = `${HEAD + this.#rows.length * ROW + 4}px`
    const context = sized(this.canvas, width, height)
    const palette = colours()
    const top = this.scroller.scrollTop
    this.canvas.style.transform = `translateY(${top}px)`
    const first = Math.floor(top / ROW)
    const last = Math.min(this.#rows.length, Math.ceil((top + height - HEAD) / ROW))
    context.textBaseline = 'middle'
    for (let place = first; place < last; place += 1)
      this.#drawRow(context, palette, place, HEAD + place * ROW - top, label, cell)
    this.#drawHead(context, palette, width, label, cell)
    if (last >= this.#rows.length - 10 && this.#more) this.onMore()
  }

  #drawHead(context, palette, width, label, cell) {
    context.fillStyle = palette.panel
    context.fillRect(0, 0, width, HEAD)
    context.fillStyle = palette.muted
    context.font = '10px system-ui, sans-serif'
    context.textAlign = 'center'
    let clear = 0
    this.#dates.forEach((date, place) => {
      const x = label + place * cell + cell / 2
      if (cell >= 14) context.fillText(weekday(date), x, HEAD - 8)
      const isMonday = place === 0 || weekday(date) === 'Mo' || weekday(this.#dates[place - 1]) > weekday(date)
      const wide = context.measureText(shortDay(date)).width + 8
      if (isMonday && x - cell / 2 >= clear) {
        context.textAlign = 'left'
        context.fillText(shortDay(date), x - cell / 2 + 1, HEAD - 23)
        context.textAlign = 'center'
        clear = x - cell / 2 + wide
      }
    })
  }

  #drawRow(context, palette, place, y, label, cell) {
    const row = this.#rows[place]
    const isFocus = place === this.#focus.row
    context.textAlign = 'left'
    context.font = `${isFocus ? '600 ' : ''}12px system-ui, sans-serif`
    context.fillStyle = isFocus ? palette.ink : palette.muted
    context.fillText(fitted(context, row.key, label - 8), 2, y + ROW / 2)
    this.#dates.forEach((date, column) => {
      const day = row.days.get(date)
      const x = label + column * cell
      if (day) drawState(context, stateOf(day), x, y + 1, cell - GAP, ROW - GAP, shareOf(day), palette)
      if (isFocus && column === this.#focus.column) this.#drawFocus(context, palette, x, y, cell)
    })
  }

  #drawFocus(context, palette, x, y, cell) {
    const isActive = document.activeElement === this.canvas
    context.strokeStyle = isActive ? palette.accent : palette.ink
    context.lineWidth = isActive ? 2.5 : 1
    context.strokeRect(x - 1, y, cell, ROW)
  }

  #point(event, opens = false) {
    const { label, cell } = this.#layout()
    const box = this.canvas.getBoundingClientRect()
    const row = Math.floor((event.clientY - box.top - HEAD + this.scroller.scrollTop) / ROW)
    const column = Math.floor((event.clientX - box.left - label) / cell)
    if (event.clientY - box.top < HEAD || !this.#rows[row]) return
    const isLabel = event.clientX - box.left < label
    if (!isLabel && !this.#dates[column]) return
    this.#focus = { row, column: isLabel ? this.#focus.column : column }
    this.#announce()
    this.draw()
    if (opens) this.#open(isLabel)
  }

  #key(event) {
    const moves = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-10, 0],
      PageDown: [10, 0],
    }
    if (event.key === 'Enter') this.#open(false)
    else if (event.key === 'Home') this.#focus.column = 0
    else if (event.key === 'End') this.#focus.column = this.#dates.length - 1
    else if (moves[event.key]) {
      const [down, right] = moves[event.key]
      this.#focus.row = clamp(this.#focus.row + down, this.#rows.length - 1)
      this.#focus.column = clamp(this.#focus.column + right, this.#dates.length - 1)
    } else return
    event.preventDefault()
    this.#keepInSight()
    this.#announce()
    this.draw()
  }

  #keepInSight() {
    const y = this.#focus.row * ROW
    const seen = this.scroller.clientHeight - HEAD - ROW
    if (y < this.scroller.scrollTop) this.scroller.scrollTop = y
    else if (y > this.scroller.scrollTop + seen) this.scroller.scrollTop = y - seen
  }

  #open(isLabel) {
    const row = this.#rows[this.#focus.row]
    if (!row) return
    const date = this.#dates[this.#focus.column]
    this.onOpen(row, isLabel || !row.days.has(date) ? null : date)
  }

  #announce() {
    const row = this.#rows[this.#focus.row]
    const date = this.#dates[this.#focus.column]
    if (row) this.onSay(`${row.key}, ${date}: ${sayDay(row.days.get(date))}`)
  }
}

export function sayDay(day) {
  if (!day) return 'closed, or nothing expected'
  const counts = [
    ['present', 'complete'],
    ['explained', 'explained'],
    ['missing', 'missing'],
    ['partial', 'partial'],
    ['not_judged', 'not judged'],
  ]
  const wording = counts.filter(([name]) => day[name]).map(([name, word]) => `${grouped(day[name])} ${word}`)
  return `${wording.join(', ')} of ${grouped(day.expected)} minutes`
}

const badness = (row) => row.rank

// By what is missing; the page before knows only what is missing by the ledger.
function prepared(rows) {
  return rows
    .map((row) => {
      const days = new Map(row.days.map((day) => [day.session_date, day]))
      const sum = (name) => row.days.reduce((total, day) => total + day[name], 0)
      return {
        key: row.instrument_key,
        feed: row.feed,
        days,
        rank: (sum('missing') + sum('partial')) * 1e6 + sum('not_judged'),
      }
    })
    .sort((one, other) => badness(other) - badness(one))
}

const clamp = (place, most) => Math.max(0, Math.min(most, place))

function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text
  let cut = text
  while (cut.length > 3 && context.measureText(`${cut}…`).width > width) cut = cut.slice(0, -1)
  return `${cut}…`
}

// Small pictures of each state, with its word.
export function legend() {
  const made = STATES.map((state) => {
    const canvas = el('canvas', { 'aria-hidden': 'true' })
    const draw = () => drawState(sized(canvas, 14, 14), state, 0, 0, 14, 14, 1, colours())
    onTheme(draw)
    draw()
    return el('span', {}, canvas, LABELS[state])
  })
  return [...made, el('span', {}, el('i', { class: 'blank' }), 'closed')]
}
