// Asking again and again: at its time while the page is seen, not at all while it is hidden.

export class Poll {
  #timer = 0
  #isAsking = false
  #isRunning = false
  askedSince = null
  failingSince = null
  answeredAt = null
  error = null

  // ask: the work, whose result goes to onAnswer; wait: milliseconds until the next time; onChange: after each end.
  constructor({ ask, wait, onAnswer, onChange = () => {} }) {
    Object.assign(this, { ask, wait, onAnswer, onChange })
    document.addEventListener('visibilitychange', () => this.#isRunning && this.#look())
    window.addEventListener('online', () => this.#isRunning && this.#look())
  }

  start() {
    this.#isRunning = true
    this.#look()
  }

  stop() {
    this.#isRunning = false
    clearTimeout(this.#timer)
  }

  // Asks at once.
  async again() {
    clearTimeout(this.#timer)
    if (this.#isAsking) return
    this.#isAsking = true
    this.askedSince = Date.now()
    try {
      const answered = await this.ask()
      this.answeredAt = Date.now()
      this.failingSince = this.error = null
      this.onAnswer(answered)
    } catch (error) {
      if (!error.kind) console.error(error)
      this.failingSince ??= this.askedSince
      this.error = error
    }
    this.#isAsking = false
    this.askedSince = null
    this.onChange(this)
    if (this.#isRunning && !document.hidden) this.#timer = setTimeout(() => this.again(), this.wait())
  }

  #look() {
    clearTimeout(this.#timer)
    if (!document.hidden) this.again()
  }
}

// Milliseconds to a few seconds after the next full minute: by then its candle is made.
export function untilSettled(now, seconds) {
  const into = now % 60000
  const due = seconds * 1000
  return into < due ? due - into : 60000 - into + due
}
