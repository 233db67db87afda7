// A token of the issuer by OpenID Connect: code with PKCE. It is kept for the tab, and nowhere else.

const TOKEN = 'chandlery.token'
const UNDER_WAY = 'chandlery.sign-in'
const EARLY = 10000 // milliseconds before its end at which a token is no longer used

const encode = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const random = () => encode(crypto.getRandomValues(new Uint8Array(32)))

export const challengeOf = async (verifier) =>
  encode(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))

export function readConfiguration() {
  return JSON.parse(document.querySelector('meta[name="sign-in"]').content)
}

export class SignIn {
  constructor(configuration, storage = sessionStorage) {
    this.configuration = configuration
    this.storage = storage
    this.refused = ''
  }

  get kind() {
    return this.configuration.kind
  }

  // ready, or why not: signature, unset, absent, expired
  get state() {
    if (this.kind === 'none') return 'ready'
    if (this.kind === 'signature') return 'signature'
    if (!this.configuration.client_id) return 'unset'
    const kept = this.#kept()
    if (!kept) return 'absent'
    return kept.ends - EARLY > Date.now() ? 'ready' : 'expired'
  }

  get expiredAt() {
    return this.#kept()?.ends ?? null
  }

  token() {
    return this.kind === 'token' && this.state === 'ready' ? this.#kept().token : null
  }

  // The API does not take it any more, whatever its end says.
  expire() {
    const kept = this.#kept()
    if (kept && kept.ends > Date.now()) this.#keep({ ...kept, ends: Date.now() })
  }

  forget() {
    this.storage.removeItem(TOKEN)
  }

  async begin() {
    const verifier = random()
    const state = random()
    this.storage.setItem(UNDER_WAY, JSON.stringify({ verifier, state, hash: location.hash }))
    const { authorization_endpoint } = await this.#discover()
    const url = new URL(authorization_endpoint)
    const asked = {
      response_type: 'code',
      client_id: this.configuration.client_id,
      redirect_uri: location.origin + '/',
      scope: this.configuration.scope,
      state,
      code_challenge: await challengeOf(verifier),
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    location.assign(url)
  }

  // After the issuer has sent the browser back: takes the code for a token. Says whether the browser came from there.
  async finish() {
    const given = new URLSearchParams(location.search)
    if (this.kind !== 'token' || !(given.has('code') || given.has('error'))) return false
    const begun = JSON.parse(this.storage.getItem(UNDER_WAY) ?? 'null')
    this.storage.removeItem(UNDER_WAY)
    history.replaceState(null, '', '/' + (begun?.hash ?? ''))
    if (given.has('error')) this.refused = given.get('error_description') ?? given.get('error')
    else if (!begun || begun.state !== given.get('state')) this.refused = 'the answer belongs to another sign-in'
    else await this.#redeem(given.get('code'), begun.verifier)
    return true
  }

  async #redeem(code, verifier) {
    const { token_endpoint } = await this.#discover()
    const response = await fetch(token_endpoint, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        client_id: this.configuration.client_id,
        redirect_uri: location.origin + '/',
      }),
    })
    const answered = await response.json()
    if (!response.ok) {
      this.refused = answered.error_description ?? answered.error ?? `the issuer answered ${response.status}`
      return
    }
    this.#keep({ token: answered.access_token, ends: Date.now() + (answered.expires_in ?? 3600) * 1000 })
  }

  async #discover() {
    const issuer = this.configuration.issuer.replace(/\/$/, '')
    const response = await fetch(`${issuer}/.well-known/openid-configuration`)
    if (!response.ok) throw new Error(`the issuer answered ${response.status}`)
    return response.json()
  }

  #kept() {
    return JSON.parse(this.storage.getItem(TOKEN) ?? 'null')
  }

  #keep(token) {
    this.storage.setItem(TOKEN, JSON.stringify(token))
  }
}
