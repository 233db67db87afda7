// Signals of strategies as marks on the chart: an arrow at the bucket each stands on, fainter once it has ended.

import { epoch, iso } from './clock.js'
import { colours, faint } from './theme.js'

// The slot a signal's time lies in: its timeframe may be finer than the chart's.
function slotAt(slots, time) {
  let found = null
  for (const slot of slots) {
    if (slot.time > time) break
    found = slot
  }
  return found
}

export function marksOf(signals, slots, palette) {
  return signals
    .map((signal) => ({ signal, slot: slotAt(slots, epoch(signal.time)) }))
    .filter(({ slot }) => slot)
    .map(({ signal, slot }) => {
      const isUp = signal.direction > 0
      const colour = signal.direction === 0 ? palette.none : isUp ? palette.good : palette.bad
      return {
        time: slot.time,
        position: isUp ? 'belowBar' : 'aboveBar',
        shape: signal.direction === 0 ? 'circle' : isUp ? 'arrowUp' : 'arrowDown',
        color: signal.is_active ? colour : faint(colour, 0.6),
        text: `${signal.strategy}${signal.ended_by ? `: ${signal.ended_by}` : ''}`,
      }
    })
    .sort((one, other) => one.time - other.time)
}

export async function readMarks(api, key, slots) {
  const asked = { instrument_key: key, from: iso(slots[0].time), to: iso(slots.at(-1).time + 60), limit: 500 }
  try {
    const { body } = await api.get('/api/v1/signals', asked)
    return marksOf(body.signals, slots, colours())
  } catch (error) {
    if (error.status === 404) throw new Error('This API answers no signals.')
    throw error
  }
}
