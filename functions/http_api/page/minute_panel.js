// A minute explained: the sentence, then its evidence.

import { el } from './dom.js'
import { moment } from './clock.js'

// Members of the answer that are shown, by row; what is null is left out.
function evidence(answer) {
  const around = answer.surroundings
  const ticks = answer.ticks
  const rows = [
    [
      'Session',
      [
        around.session_date,
        around.opens_at && `${around.opens_at} to ${around.closes_at}`,
        around.extended ? 'extended hours' : null,
      ],
    ],
    ['Expected', [answer.expected ? 'yes' : 'no']],
    [
      'Ticks',
      [
        `${ticks.ticks}`,
        ticks.cancelled ? `${ticks.cancelled} cancelled` : null,
        ticks.first && `${ticks.first} to ${ticks.last}`,
      ],
    ],
    [
      'Feed',
      [
        around.feed_seconds === null
          ? 'nothing is known'
          : `longest silence ${around.longest_silence} s, limit ${around.silence_limit} s`,
      ],
    ],
    ['Counted', [around.counted ?? 'not yet', around.hour_waits ? 'waits to be counted again' : null]],
    [
      'Judged by',
      around.judged_by.length ? around.judged_by.map((each) => each.replaceAll('_', ' ')) : ['no gap monitor yet'],
    ],
  ]
  if (answer.candle)
    rows.push([
      'Candle',
      ['open', 'high', 'low', 'close', 'volume', 'trades', 'source', 'revision'].map(
        (name) => `${name} ${answer.candle[name]}`,
      ),
    ])
  for (const gap of answer.gaps) {
    const healed = gap.healed_at ? `healed ${gap.healed_at} from ${gap.healed_from}` : 'open'
    rows.push([
      'Gap',
      [
        gap.reason.replaceAll('_', ' '),
        `${gap.starts} to ${gap.ends}`,
        healed,
        `${gap.attempts} attempts`,
        `evidence ${JSON.stringify(gap.evidence)}`,
      ],
    ])
  }
  return rows
}

// The seconds of the minute in which the feed sent something.
function seconds(bits) {
  return el(
    'div',
    {
      class: 'seconds',
      role: 'img',
      'aria-label': `The feed sent in ${[...bits].filter((bit) => bit === '1').length} of 60 seconds`,
    },
    [...bits].map((bit) => el('i', { class: bit === '1' ? 'on' : '' })),
  )
}

export function showMinute(place, answer, { zone, onClose }) {
  const close = el(
    'button',
    { type: 'button', class: 'close', 'aria-label': 'Close the explanation', onclick: onClose },
    '✕',
  )
  const rows = evidence(answer).map(([name, wording]) => [
    el('dt', {}, name),
    el('dd', {}, wording.filter(Boolean).join(', ')),
  ])
  place.replaceChildren(
    el('header', {}, el('h3', {}, `${answer.instrument_key}, ${moment(answer.minute, zone)}`), close),
    el('p', { class: 'verdict-of-minute', 'data-verdict': answer.verdict }, answer.sentence),
    el('dl', { class: 'evidence' }, rows.flat()),
    answer.surroundings.feed_seconds ? seconds(answer.surroundings.feed_seconds) : '',
  )
  place.hidden = false
}
