// Pictures and the table of an expiry: the smile, open interest by strike, a value over time, the chain.

import { el, svg } from './dom.js'
import { hourMinute } from './clock.js'
import { decimals, plainDigits, short } from './prices.js'

export const known = (value) => value !== null && value !== undefined
export const percent = (value) => (known(value) ? `${(Number(value) * 100).toFixed(1)}` : '–')
// Of what is computed, as many digits as are read; prices keep theirs.
export const digits = (value) => (known(value) ? trimmed(plainDigits(value)) : '–')
const trimmed = (text) =>
  (decimals(text) > 8 ? Number(text).toFixed(4) : text).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '')

// Four digits that count.
const rough = (value) => (Math.abs(value) >= 10000 ? short(value) : String(Number(value.toPrecision(4))))

const W = 300
const H = 130

function scale(values, from, to) {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const span = most - least || Math.abs(most) || 1
  return (value) => from + ((value - least) / span) * (to - from)
}

function frame(title, said, ...drawn) {
  return el(
    'figure',
    {},
    el('figcaption', {}, title),
    svg('svg', { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': said }, ...drawn),
  )
}

const text = (x, y, wording, anchor = 'middle') => svg('text', { x, y, 'text-anchor': anchor, class: 'axis' }, wording)

function path(points, name) {
  return svg('path', {
    d: points.map(([x, y], place) => `${place ? 'L' : 'M'}${x.toFixed(1)},${y.toFixed(1)}`).join(''),
    class: name,
  })
}

// Implied volatility by strike; a strike without one breaks the line.
export function smile(rows, chosen) {
  const points = rows.flatMap((row) =>
    ['call', 'put']
      .filter((side) => known(row[`${side}_iv`]))
      .map((side) => ({ strike: +row.strike, iv: +row[`${side}_iv`], side })),
  )
  if (!points.length)
    return frame('Smile', 'No volatility is known of this expiry', text(W / 2, H / 2, 'no volatility is known'))
  const x = scale(
    points.map((point) => point.strike),
    24,
    W - 10,
  )
  const y = scale(
    points.map((point) => point.iv),
    H - 24,
    10,
  )
  const lines = ['call', 'put'].flatMap((side) => {
    const segments = [[]]
    for (const row of rows) {
      if (known(row[`${side}_iv`])) segments.at(-1).push([x(+row.strike), y(+row[`${side}_iv`])])
      else if (segments.at(-1).length) segments.push([])
    }
    const dots = segments.flat().map(([cx, cy]) => svg('circle', { cx, cy, r: 1.8, class: `${side} dot` }))
    return [...segments.filter((each) => each.length > 1).map((each) => path(each, `${side} line`)), ...dots]
  })
  const ivs = points.map((point) => point.iv)
  const strikes = points.map((point) => point.strike)
  const labels = [
    text(2, 14, percent(Math.max(...ivs)), 'start'),
    text(2, H - 24, percent(Math.min(...ivs)), 'start'),
    text(24, H - 6, `${Math.min(...strikes)}`, 'start'),
    text(W - 10, H - 6, `${Math.max(...strikes)}`, 'end'),
  ]
  return frame(
    'Smile, % by strike: calls and puts',
    `Implied volatility by strike of ${chosen.expiry}`,
    ...lines,
    ...labels,
  )
}

// Open interest of calls above, of puts below the line; max pain marked.
export function interest(rows, chosen) {
  const shown = rows.filter((row) => known(row.call_oi) || known(row.put_oi))
  if (!shown.length)
    return frame('Open interest', 'No open interest is known', text(W / 2, H / 2, 'no open interest is known'))
  const most = Math.max(...shown.flatMap((row) => [+(row.call_oi ?? 0), +(row.put_oi ?? 0)])) || 1
  const width = (W - 30) / shown.length
  const middle = H / 2 - 6
  const bars = shown.flatMap((row, place) => {
    const x = 24 + place * width
    const tall = (value) => (+(value ?? 0) / most) * (middle - 6)
    return [
      svg('rect', {
        x,
        y: middle - tall(row.call_oi),
        width: Math.max(width - 1, 1),
        height: tall(row.call_oi),
        class: 'call',
      }),
      svg('rect', { x, y: middle, width: Math.max(width - 1, 1), height: tall(row.put_oi), class: 'put' }),
    ]
  })
  const pain = shown.findIndex((row) => known(chosen.max_pain) && +row.strike === +chosen.max_pain)
  const mark =
    pain < 0
      ? []
      : [
          svg('line', {
            x1: 24 + (pain + 0.5) * width,
            x2: 24 + (pain + 0.5) * width,
            y1: 2,
            y2: H - 18,
            class: 'pain',
          }),
          text(24 + (pain + 0.5) * width, H - 6, `max pain ${digits(chosen.max_pain)}`),
        ]
  return frame(
    'Open interest by strike: calls up, puts down',
    `Open interest by strike of ${chosen.expiry}, max pain ${digits(chosen.max_pain)}`,
    ...bars,
    ...mark,
    text(2, 14, short(most), 'start'),
  )
}

export function line(points, zone) {
  const shown = points.filter((point) => known(point.value))
  if (!shown.length) return el('p', { class: 'said' }, 'nothing is known of it')
  const x = scale(
    points.map((_, place) => place),
    4,
    W - 4,
  )
  const y = scale(
    shown.map((point) => +point.value),
    H - 24,
    10,
  )
  const segments = [[]]
  points.forEach((point, place) => {
    if (known(point.value)) segments.at(-1).push([x(place), y(+point.value)])
    else if (segments.at(-1).length) segments.push([])
  })
  const values = shown.map((point) => +point.value)
  const labels = [
    text(2, 12, rough(Math.max(...values)), 'start'),
    text(2, H - 24, rough(Math.min(...values)), 'start'),
    text(2, H - 6, hourMinute(points[0].time, zone), 'start'),
    text(W - 2, H - 6, hourMinute(points.at(-1).time, zone), 'end'),
  ]
  return svg(
    'svg',
    { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': `${shown.length} values, the last ${shown.at(-1).value}` },
    ...segments.filter((each) => each.length).map((each) => path(each, 'call line')),
    ...labels,
  )
}

const SIDE = [
  ['bid', 'bid'],
  ['ask', 'ask'],
  ['iv', 'iv %'],
  ['delta', 'Δ'],
  ['oi', 'interest'],
]

export function chain(rows, chosen) {
  const value = (row, side, name) => {
    const given = row[`${side}_${name}`]
    if (name === 'iv') return percent(given)
    if (name === 'delta') return known(given) ? Number(given).toFixed(2) : '–'
    return name === 'oi' ? short(given) : digits(given)
  }
  const heads = [
    ...SIDE.map(([, word]) => `call ${word}`),
    'strike',
    ...SIDE.toReversed().map(([, word]) => `put ${word}`),
  ]
  const body = rows.map((row) =>
    el(
      'tr',
      { class: known(chosen.atm_strike) && +row.strike === +chosen.atm_strike ? 'at-the-money' : '' },
      SIDE.map(([name]) => el('td', {}, value(row, 'call', name))),
      el('th', { scope: 'row' }, digits(row.strike)),
      SIDE.toReversed().map(([name]) => el('td', {}, value(row, 'put', name))),
    ),
  )
  return el(
    'div',
    { class: 'chain', tabindex: 0, role: 'region', 'aria-label': 'Option chain' },
    el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          heads.map((head) => el('th', { scope: 'col' }, head)),
        ),
      ),
      el('tbody', {}, body),
    ),
  )
}
