// Prices with the digits that the API sent: text, never a float's idea of it.

// A number's plain digits; of text they are there already.
export function plainDigits(value) {
  const text = String(value)
  if (!/e/i.test(text)) return text
  const [mantissa, exponent] = text.toLowerCase().split('e')
  const digits = Math.max(0, (mantissa.split('.')[1] ?? '').length - Number(exponent))
  return Number(text).toFixed(Math.min(digits, 100))
}

export function decimals(value) {
  if (value === null || value === undefined) return 0
  const text = plainDigits(value)
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}

const SHOWN = 18 // Beyond these a label would not fit, and a double would not know them.

// How many decimals an axis needs, so that each price shows all its digits.
export function precisionOf(candles) {
  let most = 0
  for (const candle of candles) {
    for (const name of ['open', 'high', 'low', 'close']) most = Math.max(most, decimals(candle[name]))
  }
  return Math.min(most, SHOWN)
}

// For the library: each label with as many decimals, and steps as fine as that.
export function priceFormat(precision) {
  return {
    type: 'custom',
    minMove: Number(`1e-${precision}`),
    formatter: (price) => price.toFixed(precision),
  }
}

const SIZES = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
]

// A count or a volume, short: 1.2 M; small ones as they are.
export function short(value) {
  if (value === null || value === undefined) return '–'
  const number = Number(value)
  const size = SIZES.find(([least]) => Math.abs(number) >= least * 10)
  if (!size) return plainDigits(value)
  return `${(number / size[0]).toFixed(1)} ${size[1]}`
}

export const grouped = (value) => Number(value).toLocaleString('en-US')
