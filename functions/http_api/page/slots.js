// The time axis of a chart: a slot for each bucket in which a candle is, or should be. Holes are slots without prices.

import { day, epoch } from './clock.js'

const MINUTES = { '1m': 1, '5m': 5, '15m': 15, '30m': 30, '1h': 60, '4h': 240 }
const WORST = { missing: 4, partial: 3, not_judged: 2, explained: 1 }

export const isIntraday = (timeframe) => timeframe in MINUTES

// Seconds of a timeframe's bucket; undefined of those that follow sessions.
export const widthOf = (timeframe) => (MINUTES[timeframe] ? MINUTES[timeframe] * 60 : undefined)

// Where a bucket without a candle lies that should have one: buckets that begin or go on in open hours.
function* expectedBuckets(openHours, width, from, to) {
  for (const each of openHours) {
    const starts = Math.floor(epoch(each.starts) / width) * width
    const ends = Math.min(epoch(each.ends), to)
    for (let time = Math.max(starts, from); time < ends; time += width) yield time
  }
}

// The worst of what is known of a bucket's minutes.
function worstWithin(holes, from, to) {
  let worst = null
  for (const hole of holes) {
    if (hole.from >= to) break
    if (hole.to > from && (!worst || WORST[hole.state] > WORST[worst.state])) worst = hole
  }
  return worst
}

// Candles, holes and what they lie in, as slots in order: { time, candle?, hole?, extended, session }.
export function slotsOf(candles, timeframe, found) {
  const width = widthOf(timeframe)
  const slots = new Map()
  for (const candle of candles) slots.set(epoch(candle.time), { time: epoch(candle.time), candle, hole: null })
  if (found && width && candles.length) {
    const holes = found.holes.map((hole) => ({ ...hole, from: epoch(hole.starts), to: epoch(hole.ends) }))
    const first = epoch(candles[0].time)
    const last = Math.max(epoch(candles.at(-1).time), found.to ?? 0)
    let at = 0
    for (const time of expectedBuckets(found.open_hours, width, first, Math.min(last, epoch(found.due)))) {
      if (slots.has(time)) continue
      while (at < holes.length && holes[at].to <= time) at += 1
      const hole = worstWithin(holes.slice(at, at + width / 60), time, time + width)
      // Of data that nobody has counted yet the API knows no hole.
      const { state, reason } = hole ?? { state: 'not_judged', reason: null }
      slots.set(time, { time, candle: null, hole: { state, reason } })
    }
  }
  const ordered = [...slots.values()].sort((one, other) => one.time - other.time)
  if (found && width) placeInSessions(ordered, found.open_hours, found.time_zone, width)
  return ordered
}

// Marks each slot with the session it lies in, and whether outside its open hours; the closing auction is inside.
function placeInSessions(slots, openHours, zone, width) {
  let at = 0
  for (const slot of slots) {
    while (at < openHours.length && epoch(openHours[at].ends) < slot.time) at += 1
    const open = openHours[at]
    slot.extended = !open || slot.time + width <= epoch(open.starts)
    slot.session = slot.extended ? day(slot.time, zone) : open.session_date
  }
}

// Adjacent holes of one state and reason: [{ from, to, state, reason }], as places in the list of slots.
export function runsOf(slots) {
  const runs = []
  slots.forEach((slot, place) => {
    if (!slot.hole) return
    const last = runs.at(-1)
    if (last && last.to === place - 1 && last.state === slot.hole.state && last.reason === slot.hole.reason)
      last.to = place
    else runs.push({ from: place, to: place, ...slot.hole })
  })
  return runs
}

// For the library: prices where there are any, and else the time alone.
export function priceData(slots) {
  return slots.map(({ time, candle }) =>
    candle ? { time, open: +candle.open, high: +candle.high, low: +candle.low, close: +candle.close } : { time },
  )
}

// Values of an indicator on the slots of its candles; a hole stays one.
export function lineData(slots, values) {
  return slots.map(({ time }) => {
    const value = values.get(time)
    return value === null || value === undefined ? { time } : { time, value: +value }
  })
}

// Points next to each other, as lines are drawn: [[place, …], …].
export function segmentsOf(places) {
  const segments = []
  for (const place of places) {
    const last = segments.at(-1)
    if (last && last.at(-1) === place - 1) last.push(place)
    else segments.push([place])
  }
  return segments
}

const SAID = {
  missing: 'missing',
  partial: 'partial: the feed was silent for a part of it',
  explained: 'nothing was traded',
  not_judged: 'not judged: no gap monitor has looked',
}

export function sayHole(hole) {
  return hole.reason ? `${SAID[hole.state]} (${hole.reason.replaceAll('_', ' ')})` : SAID[hole.state]
}
