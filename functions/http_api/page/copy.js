// What the chart shows, for elsewhere: its rows as CSV, its question as curl, SQL and Python.

import { iso } from './clock.js'
import { plainDigits } from './prices.js'

const COLUMNS = ['time', 'open', 'high', 'low', 'close', 'volume', 'vwap', 'trades', 'partial', 'sources', 'revision']
const RELATIONS = { '1m': 'candles', '1d': 'candles_1d', '1w': 'candles_1w', '1mo': 'candles_1mo' }

const cell = (value) => {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'number' ? plainDigits(value) : String(value)
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

// A row for each candle, and none for a hole.
export function csvOf(slots) {
  const rows = slots
    .filter((slot) => slot.candle)
    .map(({ candle }) => COLUMNS.map((name) => cell(candle[name])).join(','))
  return [COLUMNS.join(','), ...rows].join('\n') + '\n'
}

// What of the chart's question the others need: { key, timeframe, from, to, origin, needsToken }
export function questionOf(slots, key, timeframe, { origin, needsToken }) {
  const from = iso(slots[0].time)
  const to = iso(slots.at(-1).time + 1)
  return { key, timeframe, from, to, origin, needsToken }
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

export function curlOf({ key, timeframe, from, to, origin, needsToken }) {
  const url = `${origin}/api/v1/candles/${encodeURIComponent(key)}?timeframe=${timeframe}&from=${from}&to=${to}&limit=10000`
  const token = needsToken ? ` -H "Authorization: Bearer $TOKEN"` : ''
  return `curl --compressed -H 'Accept: text/csv'${token} ${quoted(url)}\n`
}

export function sqlOf({ key, timeframe, from, to }) {
  const relation = RELATIONS[timeframe] ?? `candles_${timeframe}`
  return [
    'SELECT c.time, c.open, c.high, c.low, c.close, c.volume',
    `FROM market.${relation} AS c`,
    'JOIN market.instruments AS n USING (instrument_id)',
    `WHERE n.instrument_key = '${key.replaceAll("'", "''")}'`,
    `    AND c.time >= '${from}' AND c.time < '${to}'`,
    'ORDER BY c.time;\n',
  ].join('\n')
}

export function pythonOf({ key, timeframe, from, to, origin, needsToken }) {
  const token = needsToken ? ', token=TOKEN' : ''
  return [
    'from datetime import datetime',
    '',
    'from chandlery_client import Client',
    '',
    `with Client(${JSON.stringify(origin)}${token}) as client:`,
    `    candles = client.candles(`,
    `        ${JSON.stringify(key)}, ${JSON.stringify(timeframe)},`,
    `        from_=datetime.fromisoformat(${JSON.stringify(from)}), to=datetime.fromisoformat(${JSON.stringify(to)}),`,
    `    ).to_polars()\n`,
  ].join('\n')
}
