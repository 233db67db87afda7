// The chart of one instrument: candles and holes on slots, lines of indicators, marks of signals.

import {
  CandlestickSeries,
  HistogramSeries,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
} from './lightweight-charts.js'
import { hasTwoOffsets, moment, tick } from './clock.js'
import { BrokenLine, Ground, Signs } from './drawings.js'
import { precisionOf, priceFormat } from './prices.js'
import { isIntraday, lineData, priceData } from './slots.js'
import { colours, faint, onTheme } from './theme.js'

const LINES = ['#2f6fde', '#c2571a', '#7a4fd0', '#0f8a7e', '#b3367f', '#7d7a00']

export class Chart {
  slots = []
  precision = 2
  #zone = 'UTC'
  #timeframe = '5m'
  #twoOffsets = false
  #lines = []
  #place = -1

  // onSlot(slot or null, values of lines by name): the crosshair has come to a slot; onOpen(slot): Enter, or a press
  constructor(container, { onSlot, onOpen }) {
    Object.assign(this, { container, onSlot, onOpen })
    this.chart = createChart(container, this.#options())
    this.candles = this.chart.addSeries(CandlestickSeries, this.#candleOptions())
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: 'volume',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    })
    this.chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } })
    this.ground = new Ground()
    this.signs = new Signs()
    this.candles.attachPrimitive(this.ground)
    this.candles.attachPrimitive(this.signs)
    this.marks = createSeriesMarkers(this.candles, [])
    this.chart.subscribeCrosshairMove((event) => this.#crosshair(event))
    this.chart.subscribeClick(
      (event) => event.logical !== undefined && this.slots[event.logical] && this.onOpen(this.slots[event.logical]),
    )
    container.addEventListener('keydown', (event) => this.#key(event))
    onTheme(() => this.#repaint())
  }

  #options() {
    const c = colours()
    return {
      autoSize: true,
      layout: {
        attributionLogo: false,
        background: { color: c.panel },
        textColor: c.muted,
        fontFamily: 'system-ui, sans-serif',
        fontSize: 11,
        panes: { separatorColor: c.line },
      },
      grid: { vertLines: { color: faint(c.line, 0.6) }, horzLines: { color: faint(c.line, 0.6) } },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderColor: c.line },
      timeScale: {
        borderColor: c.line,
        timeVisible: true,
        minBarSpacing: 0.05,
        tickMarkFormatter: (time) => tick(time, this.#zone, isIntraday(this.#timeframe), this.#twoOffsets),
      },
      localization: { timeFormatter: (time) => moment(time, this.#zone) },
    }
  }

  #candleOptions() {
    const c = colours()
    return {
      upColor: c.good,
      downColor: c.bad,
      borderUpColor: c.good,
      borderDownColor: c.bad,
      wickUpColor: c.good,
      wickDownColor: c.bad,
    }
  }

  show(slots, { timeframe, zone, isNew }) {
    performance.mark('chart:begins')
    const candles = slots.filter((slot) => slot.candle).map((slot) => slot.candle)
    this.slots = slots
    this.#timeframe = timeframe
    this.#zone = zone
    this.#twoOffsets =
      isIntraday(timeframe) &&
      hasTwoOffsets(
        slots.map((slot) => slot.time),
        zone,
      )
    this.precision = precisionOf(candles)
    this.candles.applyOptions({ priceFormat: priceFormat(this.precision) })
    this.#paint()
    this.ground.show(slots)
    this.signs.show(slots)
    if (isNew) this.#fit()
    this.#say()
    requestAnimationFrame(() => setTimeout(() => performance.measure('chart:draw', 'chart:begins')))
  }

  #paint() {
    const c = colours()
    const hollow = faint(c.panel, 0)
    const prices = priceData(this.slots)
    prices.forEach((each, place) => {
      if (this.slots[place].candle?.partial) each.color = hollow
    })
    this.candles.setData(prices)
    this.volumes.setData(
      this.slots.map(({ time, candle }) =>
        candle
          ? { time, value: +candle.volume, color: faint(+candle.close < +candle.open ? c.bad : c.good, 0.3) }
          : { time },
      ),
    )
  }

  #repaint() {
    this.chart.applyOptions(this.#options())
    this.candles.applyOptions(this.#candleOptions())
    this.#paint()
  }

  // The newest of them, as many as differ; of what is missing after the newest candle no more than a quarter of the view.
  #fit() {
    const most = Math.max(40, Math.floor(this.container.clientWidth / 6))
    const newest = this.slots.findLastIndex((slot) => slot.candle)
    const to = (newest < 0 ? this.slots.length : Math.min(this.slots.length, newest + Math.ceil(most / 4))) + 2
    this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(-2, to - most), to })
  }

  setZone(zone) {
    this.#zone = zone
    this.#twoOffsets =
      isIntraday(this.#timeframe) &&
      hasTwoOffsets(
        this.slots.map((slot) => slot.time),
        zone,
      )
    this.chart.applyOptions(this.#options())
  }

  // lines: [{ title, pane, values: Map of time to text or null }]; pane 0 has the candles
  showLines(lines) {
    for (const { series } of this.#lines) this.chart.removeSeries(series)
    this.#lines = lines.map((line, place) => {
      const color = LINES[place % LINES.length]
      const format = line.pane
        ? { type: 'price', precision: 4, minMove: 0.0001 }
        : priceFormat(Math.max(this.precision, 2))
      const series = this.chart.addCustomSeries(
        new BrokenLine(),
        { color, priceFormat: format, priceLineVisible: false, title: '', lastValueVisible: line.pane > 0 },
        line.pane,
      )
      series.setData(lineData(this.slots, line.values))
      return { ...line, color, series }
    })
    this.chart.panes().forEach((pane, place) => pane.setStretchFactor(place ? 0.28 : 1))
    this.#say()
  }

  showMarks(marks) {
    this.marks.setMarkers(marks)
  }

  get lines() {
    return this.#lines
  }

  // What stands at the axis for these prices.
  labelOf(price) {
    return priceFormat(this.precision).formatter(price)
  }

  timeLabel(time) {
    return moment(time, this.#zone)
  }

  #crosshair(event) {
    this.#place = event.logical === undefined ? -1 : Math.round(event.logical)
    this.#say()
  }

  #say() {
    const slot = this.slots[this.#place] ?? null
    const shown = slot ?? this.slots.findLast((each) => each.candle) ?? null
    const values = this.#lines.map(({ title, color, pane, values: of }) => ({
      title,
      color,
      value: this.#worded(shown && of.get(shown.time), pane),
    }))
    this.onSlot(shown, values, slot !== null)
  }

  // A computed value: as exact as prices, or four decimals below them.
  #worded(value, pane) {
    return value === null || value === undefined ? '–' : Number(value).toFixed(pane ? 4 : Math.max(this.precision, 2))
  }

  #key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e6, End: 1e6 }
    if (event.key === 'Enter' && this.slots[this.#place]) this.onOpen(this.slots[this.#place])
    else if (event.key === '+' || event.key === '-') this.#zoom(event.key === '+' ? 0.7 : 1.4)
    else if (moves[event.key] && this.slots.length)
      this.moveTo((this.#place < 0 ? this.slots.length : this.#place) + moves[event.key])
    else return
    event.preventDefault()
  }

  // The crosshair, to a slot; over a hole it has the last price before it.
  moveTo(place) {
    this.#place = Math.max(0, Math.min(this.slots.length - 1, place))
    const before =
      this.slots.slice(0, this.#place + 1).findLast((slot) => slot.candle) ?? this.slots.find((slot) => slot.candle)
    this.chart.setCrosshairPosition(before ? +before.candle.close : 0, this.slots[this.#place].time, this.candles)
    const range = this.chart.timeScale().getVisibleLogicalRange()
    if (this.#place < range.from || this.#place > range.to) {
      const half = (range.to - range.from) / 2
      this.chart.timeScale().setVisibleLogicalRange({ from: this.#place - half, to: this.#place + half })
    }
    this.#say()
  }

  #zoom(by) {
    const range = this.chart.timeScale().getVisibleLogicalRange()
    const [middle, half] = [(range.from + range.to) / 2, ((range.to - range.from) / 2) * by]
    this.chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half })
  }
}
