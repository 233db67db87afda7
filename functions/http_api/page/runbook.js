// Which page of the runbook a cause of the verdict leads to, and that page as elements.

import { el } from './dom.js'

const COMPONENTS = /^(live|historical|policy|option|signal|tick)_[a-z_]+$/

// [of which subject, what it says where that matters, page]; the first that fits.
const PAGES = [
  [/^feed /, /late/, 'feed-late'],
  [/^feed /, /silent|nothing for/, 'feed-silent'],
  [/^candles of /, /./, 'candles-old'],
  [/^minutes$/, /./, 'minutes-late'],
  [/^components$/, /./, 'component-has-not-run'],
  [COMPONENTS, /failed/, 'component-fails'],
  [COMPONENTS, /last ran|never run/, 'component-has-not-run'],
  [/^aggregates$/, /wrong/, 'derived-candles-wrong'],
  [/^aggregates$|_(5m|15m|30m|1h|4h|1d|1w|1mo)$/, /./, 'aggregates-late'],
  [/^gaps$/, /./, 'old-gap'],
  [/^coverage$/, /./, 'low-coverage'],
  [/^calendar /, /./, 'calendars-end'],
  [/^(policies|jobs)$/, /./, 'policy-drift'],
]

export function runbookOf(cause) {
  return PAGES.find(([subject, says]) => subject.test(cause.subject) && says.test(cause.says))?.[2] ?? null
}

export const isComponent = (subject) => COMPONENTS.test(subject)

// Markdown as the runbook uses it: headings, paragraphs, lists, code, tables, links.
export function render(markdown) {
  const made = []
  const lines = markdown.split('\n')
  while (lines.length) {
    const line = lines.shift()
    if (line.startsWith('```')) {
      const code = takeWhile(lines, (each) => !each.startsWith('```'))
      lines.shift()
      made.push(el('pre', { tabindex: 0 }, el('code', {}, code.join('\n'))))
    } else if (/^#+ /.test(line)) made.push(heading(line))
    else if (/^(\d+\.|-) /.test(line))
      made.push(list([line, ...takeWhile(lines, (each) => each.trim() && !/^#/.test(each))]))
    else if (line.startsWith('|')) made.push(table([line, ...takeWhile(lines, (each) => each.startsWith('|'))]))
    else if (line.trim()) {
      const more = takeWhile(lines, (each) => each.trim() && !/^(```|#|\||- |\d+\. )/.test(each))
      made.push(el('p', {}, inline([line, ...more].join(' '))))
    }
  }
  return made
}

function takeWhile(lines, fits) {
  const taken = []
  while (lines.length && fits(lines[0])) taken.push(lines.shift())
  return taken
}

function heading(line) {
  const depth = Math.min(line.indexOf(' ') + 1, 6)
  return el(`h${depth}`, depth === 2 ? { id: 'sheet-title' } : {}, inline(line.replace(/^#+ /, '')))
}

function list(lines) {
  const items = []
  for (const line of lines) {
    if (/^(\d+\.|-) /.test(line)) items.push(line.replace(/^(\d+\.|-) /, ''))
    else items.push(`${items.pop() ?? ''} ${line.trim()}`)
  }
  return el(
    /^\d/.test(lines[0]) ? 'ol' : 'ul',
    {},
    items.map((each) => el('li', {}, inline(each))),
  )
}

function table(lines) {
  const [head, ...rows] = lines.filter((line) => !/^\|[\s:|-]+\|$/.test(line)).map(cells)
  return el(
    'table',
    {},
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        head.map((cell) => el('th', { scope: 'col' }, inline(cell))),
      ),
    ),
    el(
      'tbody',
      {},
      rows.map((row) =>
        el(
          'tr',
          {},
          row.map((cell) => el('td', {}, inline(cell))),
        ),
      ),
    ),
  )
}

const cells = (line) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

// `code`, **strong**, and the words of links: those lead to files that are not here.
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/).map((part) => {
    if (part.startsWith('`')) return el('code', {}, part.slice(1, -1))
    if (part.startsWith('**')) return el('strong', {}, part.slice(2, -2))
    if (part.startsWith('[')) return part.slice(1, part.indexOf(']'))
    return part
  })
}
