// How each state looks on a canvas: by colour and by shape, so that either alone is enough.

import { faint } from './theme.js'

export const STATES = ['complete', 'explained', 'missing', 'partial', 'not_judged']
export const LABELS = {
  complete: 'complete',
  explained: 'explained',
  missing: 'missing',
  partial: 'partial',
  not_judged: 'not judged',
}

// What a day is: its worst minutes decide.
export function stateOf(cell) {
  if (cell.missing) return 'missing'
  if (cell.partial) return 'partial'
  if (cell.not_judged) return 'not_judged'
  return cell.explained ? 'explained' : 'complete'
}

// How much of the day is in that state, from 0 to 1.
export function shareOf(cell) {
  const state = stateOf(cell)
  return cell.expected ? (state === 'complete' ? cell.present : cell[state]) / cell.expected : 0
}

function stroke(context, colour, width, lines) {
  context.strokeStyle = colour
  context.lineWidth = width
  context.beginPath()
  for (const [x1, y1, x2, y2] of lines) {
    context.moveTo(x1, y1)
    context.lineTo(x2, y2)
  }
  context.stroke()
}

const DRAW = {
  complete(context, x, y, w, h, _share, c) {
    context.fillStyle = faint(c.good, 0.32)
    context.fillRect(x, y, w, h)
  },
  // A dot in a light field.
  explained(context, x, y, w, h, _share, c) {
    context.fillStyle = faint(c.good, 0.16)
    context.fillRect(x, y, w, h)
    context.fillStyle = c.explained
    context.beginPath()
    context.arc(x + w / 2, y + h / 2, Math.min(w, h) / 7, 0, 7)
    context.fill()
  },
  // A full field, crossed; the darker, the more is missing.
  missing(context, x, y, w, h, share, c) {
    context.fillStyle = faint(c.bad, 0.45 + 0.55 * Math.sqrt(share))
    context.fillRect(x, y, w, h)
    stroke(context, c.panel, 1.4, [
      [x + w * 0.3, y + h * 0.3, x + w * 0.7, y + h * 0.7],
      [x + w * 0.7, y + h * 0.3, x + w * 0.3, y + h * 0.7],
    ])
  },
  // Half a field, hollow above.
  partial(context, x, y, w, h, _share, c) {
    context.strokeStyle = c.warn
    context.lineWidth = 1.4
    context.strokeRect(x + 0.7, y + 0.7, w - 1.4, h - 1.4)
    context.fillStyle = c.warn
    context.beginPath()
    context.moveTo(x, y + h)
    context.lineTo(x + w, y + h)
    context.lineTo(x + w, y)
    context.fill()
  },
  // Hatched.
  not_judged(context, x, y, w, h, _share, c) {
    context.save()
    context.beginPath()
    context.rect(x, y, w, h)
    context.clip()
    const lines = []
    for (let from = x - h; from < x + w; from += 4) lines.push([from, y + h, from + h, y])
    stroke(context, c.none, 1, lines)
    context.restore()
  },
}

export function drawState(context, state, x, y, w, h, share, colours) {
  DRAW[state](context, x, y, w, h, share, colours)
}

// A canvas of so many CSS pixels, sharp on any screen.
export function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high })
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const context = canvas.getContext('2d')
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return context
}
