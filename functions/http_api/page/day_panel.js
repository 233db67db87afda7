// One day of an instrument, minute by minute: an hour a row. A minute opens its explanation.

import { el } from './dom.js'
import { epoch, hourMinute, iso, zoneName } from './clock.js'
import { drawState, LABELS, sized } from './shapes.js'
import { colours, onTheme } from './theme.js'
import { sayHole } from './slots.js'

const LABEL = 44
const ROW = 15

// The day's minutes in order: [{ time, state, reason }], of open hours and holes as the API answers them.
export function minutesOf(found, date) {
  const due = epoch(found.due)
  const holes = found.holes.filter((hole) => hole.session_date === date)
  const minutes = []
  for (const part of found.open_hours.filter((each) => each.session_date === date)) {
    for (let time = epoch(part.starts); time < epoch(part.ends); time += 60) {
      const hole = holes.find((each) => epoch(each.starts) <= time && time < epoch(each.ends))
      const state = time >= due ? null : (hole?.state ?? 'complete')
      minutes.push({ time, state, reason: hole?.reason ?? null })
    }
  }
  return minutes
}

export class DayPanel {
  #minutes = []
  #focus = 0
  #zone = 'UTC'

  constructor(place, { onMinute, onClose }) {
    Object.assign(this, { place, onMinute })
    this.title = el('h3')
    this.said = el('p', { class: 'said', role: 'status' })
    this.canvas = el('canvas', { tabindex: 0, role: 'application', 'aria-roledescription': 'minutes of a day' })
    const close = el('button', { type: 'button', class: 'close', 'aria-label': 'Close the day', onclick: onClose }, '✕')
    place.append(el('header', {}, this.title, close), this.canvas, this.said)
    this.canvas.addEventListener('mousemove', (event) => this.#point(event))
    this.canvas.addEventListener('click', (event) => this.#point(event) && this.#open())
    this.canvas.addEventListener('keydown', (event) => this.#key(event))
    for (const name of ['focus', 'blur']) this.canvas.addEventListener(name, () => this.draw())
    new ResizeObserver(() => this.draw()).observe(place)
    onTheme(() => this.draw())
  }

  show(key, date, found, zone) {
    this.#minutes = minutesOf(found, date)
    this.#zone = zone
    this.#focus = Math.max(
      0,
      this.#minutes.findIndex((each) => each.state && each.state !== 'complete' && each.state !== 'explained'),
    )
    this.title.textContent = `${key}, ${date}`
    this.canvas.setAttribute('aria-label', `Minutes of ${key} on ${date}: arrows move, Enter explains a minute`)
    this.place.hidden = false
    this.#announce()
    this.draw()
  }

  hide() {
    this.place.hidden = true
  }

  // Rows of an hour each, by the clock that is shown.
  #rows() {
    const rows = []
    for (const [place, each] of this.#minutes.entries()) {
      const hour = Math.floor(each.time / 3600)
      if (rows.at(-1)?.hour !== hour) rows.push({ hour, places: [] })
      rows.at(-1).places.push(place)
    }
    return rows
  }

  draw() {
    const width = this.place.clientWidth - 2
    if (this.place.hidden || width < 50) return
    const rows = this.#rows()
    const cell = (width - LABEL) / 60
    const context = sized(this.canvas, width, rows.length * ROW + 2)
    const palette = colours()
    context.font = '10px system-ui, sans-serif'
    context.textBaseline = 'middle'
    rows.forEach((row, line) => {
      context.fillStyle = palette.muted
      context.fillText(hourMinute(row.hour * 3600, this.#zone), 0, line * ROW + ROW / 2)
      for (const place of row.places) this.#drawMinute(context, palette, place, line, cell)
    })
  }

  #drawMinute(context, palette, place, line, cell) {
    const each = this.#minutes[place]
    const x = LABEL + ((each.time % 3600) / 60) * cell
    if (each.state) drawState(context, each.state, x, line * ROW + 1, Math.max(cell - 1, 2), ROW - 2, 1, palette)
    if (place !== this.#focus) return
    context.strokeStyle = document.activeElement === this.canvas ? palette.accent : palette.ink
    context.lineWidth = 2
    context.strokeRect(x - 0.5, line * ROW, Math.max(cell, 3), ROW)
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect()
    const row = this.#rows()[Math.floor((event.clientY - box.top) / ROW)]
    const minute = Math.floor((event.clientX - box.left - LABEL) / ((box.width - LABEL) / 60))
    const place = row?.places.find((each) => (this.#minutes[each].time % 3600) / 60 === minute)
    if (place === undefined) return false
    this.#focus = place
    this.#announce()
    this.draw()
    return true
  }

  #key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -60, ArrowDown: 60 }
    if (event.key === 'Enter') this.#open()
    else if (moves[event.key])
      this.#focus = Math.max(0, Math.min(this.#minutes.length - 1, this.#focus + moves[event.key]))
    else return
    event.preventDefault()
    this.#announce()
    this.draw()
  }

  #open() {
    if (this.#minutes[this.#focus]) this.onMinute(iso(this.#minutes[this.#focus].time))
  }

  #announce() {
    const each = this.#minutes[this.#focus]
    if (!each) {
      this.said.textContent = 'No minute of this day was expected.'
      return
    }
    const state = each.state === null ? 'not due yet' : each.reason ? sayHole(each) : LABELS[each.state]
    this.said.textContent = `${hourMinute(each.time, this.#zone)} ${zoneName(each.time, this.#zone)}: ${state}`
  }
}
