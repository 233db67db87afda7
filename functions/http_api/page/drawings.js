// What the chart library does not draw: holes by their reason, sessions, signs on candles, lines that break at holes.

import { customSeriesDefaultOptions } from './lightweight-charts.js'
import { runsOf, segmentsOf } from './slots.js'
import { colours, faint } from './theme.js'

// The first and the last slot that is seen, and where each lies.
function seen(chart, slots) {
  const scale = chart.timeScale()
  const range = scale.getVisibleLogicalRange()
  if (!range || !slots.length) return null
  const x = (place) => scale.logicalToCoordinate(place)
  return {
    from: Math.max(0, Math.floor(range.from)),
    to: Math.min(slots.length - 1, Math.ceil(range.to)),
    x,
    width: x(1) - x(0),
  }
}

class Primitive {
  slots = []

  attached({ chart, series, requestUpdate }) {
    Object.assign(this, { chart, series, requestUpdate })
  }

  show(slots) {
    this.slots = slots
    this.requestUpdate?.()
  }

  updateAllViews() {}

  paneViews() {
    const draw = (target) =>
      target.useMediaCoordinateSpace(({ context, mediaSize }) => {
        const view = seen(this.chart, this.slots)
        if (view) this.draw(context, mediaSize, view, colours())
      })
    return [{ zOrder: () => this.order, renderer: () => ({ draw }) }]
  }
}

const HATCH = {
  missing: { step: 7, width: 1.6, alpha: 0.75, back: 0.1, colour: 'bad', lean: 1 },
  partial: { step: 9, width: 1.2, alpha: 0.7, back: 0.08, colour: 'warn', lean: 1 },
  not_judged: { step: 8, width: 1, alpha: 0.75, back: 0, colour: 'none', lean: -1 },
  explained: { step: 12, width: 1, alpha: 0.35, back: 0, colour: 'explained', lean: 0 },
}
const BY_REASON = {
  feed_down: { lean: -1 },
  unhealable: { lean: 1, isCrossed: true },
  unaggregated: { step: 4 },
  instrument_silent: {},
}

// Hatches of holes, distinct by state and by reason; sessions in two shades, hours outside of them darker.
export class Ground extends Primitive {
  order = 'bottom'

  draw(context, size, view, palette) {
    this.#drawSessions(context, size, view, palette)
    for (const run of runsOf(this.slots.slice(view.from, view.to + 1))) {
      const left = view.x(run.from + view.from) - view.width / 2
      const right = view.x(run.to + view.from) + view.width / 2
      hatch(context, left, right, size.height, { ...HATCH[run.state], ...BY_REASON[run.reason] }, palette)
      this.#name(context, left, right, run, palette)
    }
  }

  #drawSessions(context, size, view, palette) {
    let from = view.from
    for (let place = view.from; place <= view.to + 1; place += 1) {
      const [last, next] = [this.slots[place - 1], this.slots[place]]
      if (place > view.from && place <= view.to && next.session === last.session && next.extended === last.extended)
        continue
      if (place === view.from) continue
      if (last.extended) {
        const left = view.x(from) - view.width / 2
        context.fillStyle = faint(palette.shade, 0.5)
        context.fillRect(left, 0, view.x(place - 1) + view.width / 2 - left, size.height)
      }
      if (place <= view.to && next.session !== last.session) {
        context.fillStyle = palette.line
        context.fillRect(Math.round(view.x(place) - view.width / 2), 0, 1, size.height)
      }
      from = place
    }
  }

  #name(context, left, right, run, palette) {
    const text = (run.reason ?? run.state).replaceAll('_', ' ')
    context.font = '10px system-ui, sans-serif'
    const isWide = context.measureText(text).width + 8 < right - left
    if (run.state === 'explained' || right - left < 14) return
    context.save()
    context.translate((left + right) / 2, 6)
    if (!isWide) context.rotate(Math.PI / 2)
    const width = context.measureText(text).width
    const x = isWide ? -width / 2 : 0
    context.fillStyle = faint(palette.panel, 0.85)
    context.fillRect(x - 3, isWide ? -1 : -6, width + 6, isWide ? 13 : 12)
    context.fillStyle = palette.ink
    context.textBaseline = isWide ? 'top' : 'middle'
    context.fillText(text, x, 0)
    context.restore()
  }
}

function hatch(context, left, right, height, how, palette) {
  const colour = palette[how.colour]
  context.save()
  context.beginPath()
  context.rect(left, 0, right - left, height)
  context.clip()
  if (how.back) {
    context.fillStyle = faint(colour, how.back)
    context.fillRect(left, 0, right - left, height)
  }
  context.strokeStyle = faint(colour, how.alpha)
  context.lineWidth = how.width
  context.beginPath()
  const leans = how.isCrossed ? [1, -1] : [how.lean]
  for (const lean of leans) lines(context, left, right, height, how.step, lean)
  context.stroke()
  context.restore()
}

function lines(context, left, right, height, step, lean) {
  if (lean === 0) {
    for (let y = step; y < height; y += step) {
      context.moveTo(left, y)
      context.lineTo(right, y)
    }
    return
  }
  const width = right - left
  for (let y = -width; y < height + width; y += step) {
    context.moveTo(left, lean > 0 ? y + width : y)
    context.lineTo(right, lean > 0 ? y : y + width)
  }
}

// Signs on candles: dots on those of a vendor, a number on revised ones, a dashed frame around the one under way.
export class Signs extends Primitive {
  order = 'top'

  draw(context, size, view, palette) {
    for (let place = view.from; place <= view.to; place += 1) {
      const { candle } = this.slots[place]
      if (!candle || !(isOfVendor(candle) || candle.revision > 0 || candle.closed === false)) continue
      const y = (price) => this.series.priceToCoordinate(+price)
      const at = {
        x: view.x(place),
        width: view.width,
        high: y(candle.high),
        low: y(candle.low),
        open: y(candle.open),
        close: y(candle.close),
      }
      if (isOfVendor(candle)) drawDots(context, at, palette)
      if (candle.revision > 0) drawBadge(context, at, candle.revision, palette)
      if (candle.closed === false) drawFrame(context, at, palette)
    }
  }
}

export const isOfVendor = (candle) => candle.sources?.includes('vendor') ?? false

function drawDots(context, { x, width, open, close }, palette) {
  const size = Math.max(1, Math.min(2, width / 6))
  context.fillStyle = palette.panel
  for (let y = Math.min(open, close) + 2; y < Math.max(open, close) - 1; y += size * 3)
    context.fillRect(x - size / 2, y, size, size)
  // Below the candle too: of a thin body, or one without height, none would be seen.
  context.fillStyle = palette.accent
  context.fillRect(x - size / 2, Math.max(open, close) + 4, size, size)
}

function drawBadge(context, { x, width, high }, revision, palette) {
  const text = String(revision)
  context.font = '600 9px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  if (width < 5) {
    context.fillStyle = palette.accent
    context.fillRect(x - 1, high - 6, 2, 3)
  } else {
    const wide = context.measureText(text).width + 5
    context.fillStyle = palette.accent
    context.beginPath()
    context.roundRect(x - wide / 2, high - 15, wide, 11, 3)
    context.fill()
    context.fillStyle = palette.panel
    context.fillText(text, x, high - 4.5)
  }
  context.textAlign = 'left'
}

function drawFrame(context, { x, width, high, low }, palette) {
  context.save()
  context.setLineDash([3, 2])
  context.strokeStyle = palette.accent
  context.lineWidth = 1
  context.strokeRect(x - width / 2 + 0.5, high - 3, Math.max(width - 1, 3), low - high + 6)
  context.restore()
}

// A line that ends where there is no value, and goes on behind: the library's own would draw across.
export class BrokenLine {
  #data = null
  #options = null

  renderer() {
    return { draw: (target, toY) => this.#draw(target, toY) }
  }

  update(data, options) {
    this.#data = data
    this.#options = options
  }

  priceValueBuilder = (point) => [point.value]

  isWhitespace = (point) => point.value === undefined

  defaultOptions() {
    return { ...customSeriesDefaultOptions, lineWidth: 1.5, isHistogram: false }
  }

  #draw(target, toY) {
    const { bars, visibleRange } = this.#data ?? {}
    if (!bars?.length || !visibleRange) return
    const shown = bars.slice(visibleRange.from, visibleRange.to)
    const at = new Map(shown.map((bar) => [bar.time, bar]))
    target.useMediaCoordinateSpace(({ context }) => {
      context.strokeStyle = this.#options.color
      context.lineWidth = this.#options.lineWidth
      context.lineJoin = 'round'
      context.beginPath()
      for (const segment of segmentsOf([...at.keys()])) {
        const points = segment.map((time) => [at.get(time).x, toY(at.get(time).originalData.value)])
        if (points.length === 1) points.push([points[0][0] + 1, points[0][1]])
        points.forEach(([x, y], place) => (place ? context.lineTo(x, y) : context.moveTo(x, y)))
      }
      context.stroke()
    })
  }
}
