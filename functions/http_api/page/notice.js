// Why the page shows no data: nobody has signed in, a token has ended, or a browser cannot call at all.

import { $, el } from './dom.js'
import { hourMinute } from './clock.js'

function wording(signIn) {
  if (signIn.refused) return ['The sign-in failed', signIn.refused]
  switch (signIn.state) {
    case 'expired':
      return [
        'Your token has ended',
        `It ended at ${hourMinute(signIn.expiredAt / 1000, 'UTC')} UTC; what is shown is as of then.`,
      ]
    case 'signature':
      return [
        'A browser cannot call this API',
        'Its requests are signed with AWS credentials (IAM), which a page must not hold. Look at the same data from your own machine:',
      ]
    case 'unset':
      return [
        'No client is set',
        'This API takes tokens, but the page does not know which client of the issuer it is: set PageClientId when you deploy.',
      ]
    default:
      return ['Sign in', 'This API takes tokens of its issuer. The page has none yet; it holds no data of its own.']
  }
}

const LOCALLY = 'DATABASE_URL=postgresql://reader@database/desk chandlery up --no-schedules --open'

export function notice(place, signIn) {
  const [title, text] = wording(signIn)
  const isTried = signIn.kind === 'token' && signIn.state !== 'unset'
  const button =
    isTried && el('button', { type: 'button', class: 'primary', onclick: () => begin(place, signIn) }, 'Sign in')
  const command = signIn.state === 'signature' && el('pre', { tabindex: 0 }, el('code', {}, LOCALLY))
  place.replaceChildren(el('h2', {}, title), el('p', {}, text), command || '', button || '')
  place.hidden = false
  document.body.classList.toggle('without-data', signIn.state !== 'expired')
  $('sign-out').hidden = true
}

async function begin(place, signIn) {
  try {
    await signIn.begin()
  } catch (error) {
    signIn.refused = `the issuer cannot be asked: ${error.message}`
    notice(place, signIn)
  }
}
