// Times as people read them: in the exchange's time zone, or in UTC. The browser's own zone has no say.

const formats = new Map()

function format(zone, options) {
  const key = zone + JSON.stringify(options)
  if (!formats.has(key))
    formats.set(key, new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...options }))
  return formats.get(key)
}

const seconds = (time) => (typeof time === 'number' ? time : Date.parse(time) / 1000)

function parts(zone, time, options) {
  const found = {}
  for (const each of format(zone, options).formatToParts(seconds(time) * 1000)) found[each.type] = each.value
  return found
}

// Seconds since 1970 of a time as the API writes it.
export const epoch = (text) => Math.round(Date.parse(text) / 1000)

export const iso = (time) => new Date(seconds(time) * 1000).toISOString().replace('.000Z', 'Z')

export function hourMinute(time, zone) {
  const found = parts(zone, time, { hour: '2-digit', minute: '2-digit' })
  return `${found.hour}:${found.minute}`
}

export function hourMinuteSecond(time, zone) {
  const found = parts(zone, time, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
  return `${found.hour}:${found.minute}:${found.second}`
}

// EDT, EST, UTC, GMT+5:30: which of two equal times of a day on which clocks go back.
export function zoneName(time, zone) {
  return parts(zone, time, { timeZoneName: 'short' }).timeZoneName
}

export function day(time, zone) {
  const found = parts(zone, time, { year: 'numeric', month: '2-digit', day: '2-digit' })
  return `${found.year}-${found.month}-${found.day}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

// A date of the API, short: 2 Mar.
export const shortDay = (date) => `${Number(date.slice(8, 10))} ${MONTHS[Number(date.slice(5, 7)) - 1]}`

export const weekday = (date) => ['Su', 'Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa'][new Date(`${date}T00:00Z`).getUTCDay()]

// A moment in full: 2026-11-01 01:30 EDT.
export function moment(time, zone) {
  return `${day(time, zone)} ${hourMinute(time, zone)} ${zoneName(time, zone)}`
}

// What stands at the axis: the date where a day begins, else the time; which of the two offsets, where there are two.
export function tick(time, zone, isIntraday, hasTwoOffsets) {
  if (!isIntraday) return shortDay(day(time, zone))
  const wording = hourMinute(time, zone)
  if (wording === '00:00') return shortDay(day(time, zone))
  return hasTwoOffsets ? `${wording} ${zoneName(time, zone)}` : wording
}

export function hasTwoOffsets(times, zone) {
  return times.length > 1 && zoneName(times[0], zone) !== zoneName(times.at(-1), zone)
}

const UNITS = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
]

// A length of time in its two largest units: 4 d 19 h.
export function duration(length) {
  let left = Math.max(0, Math.round(length))
  if (left === 0) return '0 s'
  const at = UNITS.findIndex(([size]) => left >= size)
  const wording = []
  for (const [size, name] of UNITS.slice(at, at + 2)) {
    const count = Math.floor(left / size)
    if (count) wording.push(`${count} ${name}`)
    left -= count * size
  }
  return wording.join(' ')
}
