// Is it fresh, whole, right? One verdict in words, colour and shape, its numbers, its causes. It ticks by itself.

import { el } from './dom.js'
import { duration, hourMinute, hourMinuteSecond, moment } from './clock.js'
import { grouped } from './prices.js'
import { isComponent, runbookOf } from './runbook.js'

const SLOW = 1800 // milliseconds of silence after which the page says that it waits
const WORDS = {
  HEALTHY: ['●', 'Healthy', 'fresh and as complete as can be known'],
  WARNING: ['▲', 'Warning', 'fresh, but somebody should look'],
  DELAYED: ['◆', 'Delayed', 'what is read is late or incomplete'],
  FAILING: ['✕', 'Failing', 'a component fails, or what is read is wrong'],
  EMPTY: ['○', 'Empty', 'no instrument yet, so nothing is expected'],
  UNKNOWN: ['?', 'No answer', 'the API does not answer'],
}

// What the facts show, of an answer of /timeframe-aggregation/status.
export function factsOf(status) {
  const causes = status.causes ?? []
  const silent = causes.filter((cause) => cause.subject.startsWith('feed ') && /nothing for|silent/.test(cause.says))
  const failing = causes.filter((cause) => isComponent(cause.subject) && cause.health !== 'HEALTHY')
  const gaps = causes.find((cause) => cause.subject === 'gaps')
  return {
    lag: status.lag_seconds,
    newest: status.newest_candle,
    gaps: gaps ? Number(/^([\d,]+) open/.exec(gaps.says)?.[1].replaceAll(',', '') ?? 0) : 0,
    coverage: status.gaps?.coverage_24h,
    silent: silent.map((cause) => cause.subject.slice(5)),
    failing: failing.map((cause) => cause.subject),
  }
}

export function nameOf(status) {
  const isEmpty = (status.causes ?? []).some((cause) => cause.subject === 'instruments' && /none yet/.test(cause.says))
  return isEmpty && status.health === 'HEALTHY' ? 'EMPTY' : status.health
}

export class VerdictPanel {
  #status = null
  #drawn = ''

  constructor(panel, { poll, openRunbook }) {
    Object.assign(this, { panel, poll, openRunbook })
    this.#build()
    setInterval(() => document.hidden || this.tick(), 1000)
  }

  #build() {
    this.word = el(
      'p',
      { class: 'word', 'data-health': 'UNKNOWN' },
      el('span', { class: 'shape', 'aria-hidden': 'true' }),
      el('strong'),
    )
    this.sentence = el('p', { class: 'sentence' })
    this.trouble = el('p', { class: 'trouble', role: 'alert', hidden: true })
    this.facts = el('dl', { class: 'facts' })
    this.causes = el('ul', { class: 'causes' })
    this.panel.append(el('div', { class: 'head' }, this.word, this.sentence, this.trouble), this.facts, this.causes)
    this.#say('UNKNOWN', 'asking …')
  }

  show(status) {
    this.#status = status
    this.tick()
  }

  // Once a second: ages grow though nothing new is known.
  tick() {
    const { poll } = this
    const now = Date.now()
    const waits = poll.askedSince && now - poll.askedSince > SLOW ? poll.askedSince : null
    const since = poll.failingSince ?? waits
    this.panel.classList.toggle('stale', Boolean(since))
    this.trouble.hidden = !since
    if (since) this.#sayTrouble(since, now)
    if (!this.#status) {
      if (since) this.#say('UNKNOWN', poll.error?.message ?? WORDS.UNKNOWN[2])
      return
    }
    const name = nameOf(this.#status)
    this.#say(name, since ? `as of ${hourMinuteSecond(this.#status.at, 'UTC')} UTC: ${WORDS[name][2]}` : WORDS[name][2])
    this.#showFacts(now)
    this.#showCauses()
  }

  #sayTrouble(since, now) {
    const { poll } = this
    const answered = poll.answeredAt ? `, last answer ${hourMinuteSecond(poll.answeredAt / 1000, 'UTC')} UTC` : ''
    const what = poll.failingSince ? poll.error.message : 'the API has not answered yet'
    this.trouble.textContent = `No answer since ${hourMinuteSecond(since / 1000, 'UTC')} UTC (${duration((now - since) / 1000)}${answered}): ${what}`
  }

  #say(name, sentence) {
    const [shape, word] = WORDS[name]
    this.word.dataset.health = name
    this.word.firstChild.textContent = shape
    this.word.lastChild.textContent = word
    this.sentence.textContent = sentence
    document.title = `${shape} ${word} · Chandlery`
  }

  #showFacts(now) {
    const facts = factsOf(this.#status)
    const age = (now - Date.parse(this.#status.at)) / 1000
    const newest = facts.newest ? `${hourMinute(facts.newest, 'UTC')} UTC` : 'none'
    const newestAge = facts.newest ? duration((now - Date.parse(facts.newest)) / 1000 - 60) + ' ago' : ''
    const rows = [
      ['Lag', duration(facts.lag + (facts.lag ? age : 0)), facts.lag > 120 ? 'bad' : ''],
      ['Newest minute', newest, '', newestAge, facts.newest ? moment(facts.newest, 'UTC') : ''],
      ['Open gaps', grouped(facts.gaps), facts.gaps ? 'warn' : ''],
      [
        'Coverage, 24 h',
        facts.coverage === undefined ? '–' : `${(facts.coverage * 100).toFixed(2)} %`,
        facts.coverage < 0.99 ? 'bad' : '',
      ],
      ['Silent feeds', facts.silent.join(', ') || 'none', facts.silent.length ? 'bad' : ''],
      [
        'Failing',
        facts.failing.map((each) => each.replaceAll('_', ' ')).join(', ') || 'none',
        facts.failing.length ? 'bad' : '',
      ],
    ]
    this.facts.replaceChildren(
      ...rows.map(([name, value, tone, more, title]) =>
        el(
          'div',
          { class: tone, title },
          el('dt', {}, name),
          el('dd', {}, value, more ? el('small', {}, ` ${more}`) : null),
        ),
      ),
    )
  }

  #showCauses() {
    const causes = this.#status.causes ?? []
    const written = JSON.stringify(causes)
    if (written === this.#drawn) return // a link that is being pressed stays where it is
    this.#drawn = written
    this.causes.replaceChildren(...causes.map((cause) => this.#cause(cause)))
  }

  #cause(cause) {
    const page = runbookOf(cause)
    const link =
      page &&
      el(
        'a',
        {
          href: `#${page}`,
          onclick: (event) => {
            event.preventDefault()
            this.openRunbook(page)
          },
        },
        'what to do',
      )
    const said = [el('strong', {}, cause.subject.replaceAll('_', ' ')), ` ${cause.says} `, link]
    return el(
      'li',
      { 'data-health': cause.health },
      el('span', { class: 'shape', 'aria-hidden': 'true' }, WORDS[cause.health][0]),
      ' ',
      ...said,
    )
  }
}
