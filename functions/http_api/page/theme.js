// Dark or light: the system's choice, until somebody presses the button. Canvases ask here for their colours.

const KEY = 'chandlery.theme'
const listeners = []
const system = matchMedia('(prefers-color-scheme: dark)')

export const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark'

export function startTheme(button) {
  const kept = localStorage.getItem(KEY)
  if (kept) document.documentElement.dataset.theme = kept
  button.addEventListener('click', () => {
    const next = isDark() ? 'light' : 'dark'
    document.documentElement.dataset.theme = next
    localStorage.setItem(KEY, next)
    listeners.forEach((each) => each())
  })
  system.addEventListener('change', () => listeners.forEach((each) => each()))
}

export const onTheme = (listener) => listeners.push(listener)

const NAMES = ['ground', 'panel', 'ink', 'muted', 'line', 'good', 'warn', 'bad', 'accent', 'none', 'shade', 'explained']

export function colours() {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}

// A colour of #rrggbb, seen through.
export const faint = (colour, alpha) =>
  colour +
  Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')
